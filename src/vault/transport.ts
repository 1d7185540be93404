import { Agent as HttpAgent, request as requestHttp, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { Secret } from '../core/secret.js';
import { VaultFault, scrub } from './vault-fault.js';

/** What node-vault asks of its `request-promise` option. `json` is the body, or `true` for none. */
interface NodeVaultRequest {
  method: string;
  uri: string;
  path: string;
  json?: unknown;
  headers?: Record<string, string>;
  /** Ours: the token of this request, instead of the client's. */
  credential?: Secret;
  /** Ours: ends the request early. */
  signal?: AbortSignal;
}

interface NodeVaultResponse {
  statusCode: number;
  body: unknown;
  request: { path: string };
}

export interface TransportOptions {
  timeoutMs: number;
  /** The client's token; asked anew for each request, as a login replaces it. */
  credential: () => Secret | null;
}

const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

// Sooner than any server or proxy closes a connection that nobody uses.
const IDLE_MS = 4_000;

/**
 * Takes the place of Axios under node-vault, whose errors print the token, which follows redirects with it and waits for ever.
 * The token is added here, at the last moment, so that no option object of node-vault's ever holds it.
 * Node's own client, not `fetch`: an action asks Vault thirty times, and this takes a third of the processor's time.
 */
export function createTransport({ timeoutMs, credential }: TransportOptions): {
  defaults(): (request: NodeVaultRequest) => Promise<NodeVaultResponse>;
} {
  const agents = createAgents();
  const send = async (request: NodeVaultRequest): Promise<NodeVaultResponse> => {
    const token = request.credential ?? credential();
    const headers: Record<string, string> = { ...request.headers };
    if (token !== null) headers['x-vault-token'] = token.reveal();
    const body = typeof request.json === 'object' && request.json !== null ? JSON.stringify(request.json) : null;
    if (body !== null) headers['content-type'] = 'application/json';
    const { method, uri, path, signal } = request;
    try {
      const options = { method, headers, ...(signal === undefined ? {} : { signal }) };
      const { status, text } = await exchange(agents, new URL(uri), { options, body, timeoutMs });
      return { statusCode: status, body: parse(text), request: { path } };
    } catch (error) {
      throw new VaultFault(`${method} ${path}`, null, [scrub(reasonOf(error))]);
    }
  };
  return { defaults: () => send };
}

interface Agents {
  http: HttpAgent;
  https: HttpsAgent;
}

function createAgents(): Agents {
  const options = { keepAlive: true, timeout: IDLE_MS };
  return { http: new HttpAgent(options), https: new HttpsAgent(options) };
}

/** One request and its whole answer, within the time given. */
function exchange(
  agents: Agents,
  url: URL,
  { options, body, timeoutMs }: { options: RequestOptions; body: string | null; timeoutMs: number },
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const isTls = url.protocol === 'https:';
    const request = isTls
      ? requestHttps(url, { ...options, agent: agents.https })
      : requestHttp(url, { ...options, agent: agents.http });
    const fail = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
    };
    const timer = setTimeout(() => {
      const late = new Error(`no answer within ${String(timeoutMs)} ms`);
      request.destroy(late);
      // What is gone already, as behind a 101, tells of nothing more.
      fail(late);
    }, timeoutMs);
    request.on('error', fail);
    request.once('response', (response) => {
      const status = response.statusCode ?? 0;
      // A redirect would carry the token elsewhere.
      if (status >= 300 && status < 400) {
        request.destroy(new Error('unexpected redirect'));
        return;
      }
      readText(response).then((text) => {
        clearTimeout(timer);
        resolve({ status, text });
      }, fail);
    });
    request.end(body ?? undefined);
  });
}

function readText(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    response.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > MAX_ANSWER_BYTES) response.destroy(new Error('its answer is too large'));
      else chunks.push(chunk);
    });
    response.once('end', () => {
      resolve(Buffer.concat(chunks).toString('utf8'));
    });
    response.on('error', reject);
  });
}

function parse(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // a proxy's page, not Vault's answer: the status tells enough
  }
}

function reasonOf(error: unknown): string {
  // Of several addresses that were tried, Node tells each.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error && first.message !== '' ? first.message : 'the request failed';
}
