import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { Refusal } from '../../../core/errors.js';
import { noticePage } from '../page/notice-page.js';
import { sendProblem } from '../problems.js';

export interface ConsoleRoutesOptions {
  /** Folder with `index.html` and `assets/`, as vite builds them. */
  consoleDir: string;
}

/** Pages of the full view; the browser's own router tells them apart. */
const PAGES = ['/', '/queue', '/actions', '/view/:actionId'];

/** No inline script or style, nothing from elsewhere, in nobody's frame. */
const PAGE_HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
};

/** What the build named by its content never changes. */
const HASHED = /-[\w-]{8,}\.\w+$/;

/** Serves the full view; where it was not built, its pages say so. */
export async function consoleRoutes(app: FastifyInstance, { consoleDir }: ConsoleRoutesOptions): Promise<void> {
  const page = await readFile(join(consoleDir, 'index.html'), 'utf8').catch(() => null);
  for (const url of PAGES) {
    app.get(url, { schema: { hide: true } }, async (_request, reply) =>
      page === null ? sendNotBuilt(reply) : reply.headers(PAGE_HEADERS).type('text/html; charset=utf-8').send(page),
    );
  }
  if (page === null) return;
  await app.register(async (scope) => {
    scope.addHook('onSend', async (request, reply) => {
      const isHashed = HASHED.test(request.url.split('?')[0] ?? '');
      if (reply.statusCode < 400)
        void reply.header('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'public, max-age=300');
    });
    // The only errors are of addresses that lead out of the folder.
    scope.setErrorHandler((_error, _request, reply) =>
      sendProblem(reply, new Refusal('not_found', 'There is nothing at this address.')),
    );
    await scope.register(fastifyStatic, {
      root: join(consoleDir, 'assets'),
      prefix: '/assets/',
      decorateReply: false,
      schemaHide: true,
      index: false,
      dotfiles: 'ignore',
      cacheControl: false,
    });
  });
}

function sendNotBuilt(reply: FastifyReply): FastifyReply {
  const detail = 'The full view was not built: run node scripts/build.mjs. Until then decide with the command line.';
  const { page, contentSecurityPolicy } = noticePage({ title: 'Not here', detail });
  void reply.header('content-security-policy', contentSecurityPolicy);
  return reply.code(503).type('text/html; charset=utf-8').send(page);
}
