import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import swagger from '@fastify/swagger';
import fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest } from 'fastify';
import { jsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { Refusal, ServiceFault } from '../../core/errors.js';
import { parseJsonBody } from '../json-body.js';
import { sha256Hex } from '../../core/json.js';
import { REQUEST_LIMITS } from '../../core/schemas/action.js';
import type { Refusals } from '../refusals.js';
import { apiDescription } from './api-description.js';
import { completeDocument } from './openapi-parts.js';
import { refusalFrom, sendProblem } from './problems.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Refusals of this route are put on record: it changes something. */
    recordsRefusals?: boolean;
  }
  interface FastifyRequest {
    /** SHA-256 of the body; null until it was read. */
    sentDigest: string | null;
  }
}

export interface ServerOptions {
  log: FastifyBaseLogger | false;
  refusals: Refusals;
  /** Who sent a request, as records name them; null while nobody is proven. */
  senderOf: (request: FastifyRequest) => string | null;
  /** Addresses or CIDR ranges of the proxies whose `X-Forwarded-For` is believed; empty: nobody's is. */
  trustedProxies: readonly string[];
  /** With TLS in front, browsers are told to keep to it. */
  publicUrl: string;
}

/** The HTTP server, without routes of its own: limits, headers, errors, and the OpenAPI document. */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const { log, refusals, senderOf, trustedProxies, publicUrl } = options;
  const headers = securityHeaders(publicUrl.startsWith('https:'));
  const app = fastify({
    ...(log === false ? { logger: false } : { loggerInstance: withoutQueries(log) }),
    bodyLimit: REQUEST_LIMITS.bodyBytes,
    // Anyone else's word about addresses would let them choose whom the rate limit counts.
    trustProxy: trustedProxies.length > 0 && [...trustedProxies],
    requestTimeout: 30_000,
    keepAliveTimeout: 65_000,
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    routerOptions: { maxParamLength: 200, ignoreTrailingSlash: false },
    return503OnClosing: true,
    forceCloseConnections: 'idle',
    // Before any hook: the headers are set here too.
    frameworkErrors: (error, _request, reply) => void sendProblem(reply.headers(headers), error),
  });
  app.removeAllContentTypeParsers();
  app.decorateRequest('sentDigest', null);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  dropUnusedConnections(app);
  const methodsAt = rememberRoutes(app);
  app.addHook('onRequest', async (request, reply) => {
    void reply.headers({ ...headers, 'x-request-id': request.id });
  });
  app.setErrorHandler(async (error, request, reply) => {
    await noteRefusal(error, request, { refusals, who: senderOf(request) });
    return sendProblem(reply, error);
  });
  app.setNotFoundHandler((request, reply) => {
    const allowed = methodsAt(request.url);
    if (allowed.length === 0) return sendProblem(reply, new Refusal('not_found', 'There is nothing at this address.'));
    void reply.header('allow', allowed.join(', '));
    return sendProblem(reply, new Refusal('method_not_allowed', `This address takes ${allowed.join(', ')}.`));
  });
  await app.register(swagger, {
    openapi: apiDescription,
    transform: jsonSchemaTransform,
    transformObject: completeDocument,
  });
  return app;
}

/** Requests are logged without their query: a sign-in's answer carries its code there. */
function withoutQueries(log: FastifyBaseLogger): FastifyBaseLogger {
  const req = ({ method, url, ip }: FastifyRequest) => ({ method, path: url.split('?')[0], remoteAddress: ip });
  return log.child({}, { serializers: { req } });
}

/** JSON bodies for the routes of one scope: fatal UTF-8, typed errors. */
export function acceptJson(scope: FastifyInstance): void {
  scope.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (request: FastifyRequest, body: Buffer) => {
      request.sentDigest = sha256Hex(body);
      return parseJsonBody(body);
    },
  );
}

/** Bytes as they came, for routes that judge them themselves. */
export function acceptBytes(scope: FastifyInstance, mediaTypes: string[] = ['application/json']): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser(mediaTypes, { parseAs: 'buffer' }, async (_request: FastifyRequest, body: Buffer) => body);
}

/** Logs what is no refusal: a service that is away in a line, our own failures whole. */
export function noteFailure(error: unknown, request: FastifyRequest): void {
  if (error instanceof ServiceFault) {
    request.log.warn({ service: error.service, fault: error.message }, 'not available');
  } else if (refusalFrom(error) === null) {
    request.log.error({ err: error }, 'a request failed');
  }
}

async function noteRefusal(
  error: unknown,
  request: FastifyRequest,
  { refusals, who }: { refusals: Refusals; who: string | null },
): Promise<void> {
  const refusal = refusalFrom(error);
  if (refusal === null) {
    noteFailure(error, request);
    return;
  }
  if (request.routeOptions.config.recordsRefusals !== true) return;
  await refusals.put(refusal, { action: null, who, sentDigest: request.sentDigest, source: who ?? request.ip });
}

function securityHeaders(hasTls: boolean): Record<string, string> {
  return {
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    ...(hasTls ? { 'strict-transport-security': 'max-age=31536000' } : {}),
  };
}

/**
 * Browsers open connections ahead of need. Node counts one that never carried a request as busy until it times out, a minute
 * after it was opened: closing the server would take as long.
 */
function dropUnusedConnections(app: FastifyInstance): void {
  const unused = new Set<Socket>();
  let isClosing = false;
  app.server.on('connection', (socket: Socket) => {
    if (isClosing) socket.destroy();
    else unused.add(socket.once('close', () => unused.delete(socket)));
  });
  app.server.on('request', ({ socket }: IncomingMessage) => unused.delete(socket));
  app.addHook('preClose', async () => {
    isClosing = true;
    for (const socket of unused) socket.destroy();
  });
}

/** Which methods an address takes: for 405, which the router itself answers with 404. */
function rememberRoutes(app: FastifyInstance): (url: string) => string[] {
  const routes: { method: string; pattern: RegExp }[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    const source = url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:\w+/g, '[^/]+');
    for (const each of [method].flat()) routes.push({ method: each, pattern: new RegExp(`^${source}$`) });
  });
  return (url) => {
    const [path = ''] = url.split('?');
    return [...new Set(routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))].sort();
  };
}
