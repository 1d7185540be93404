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

/**
 * Takes the place of Axios under node-vault, whose errors print the token, which follows redirects with it and waits for ever.
 * The token is added here, at the last moment, so that no option object of node-vault's ever holds it.
 */
export function createTransport({ timeoutMs, credential }: TransportOptions): {
  defaults(): (request: NodeVaultRequest) => Promise<NodeVaultResponse>;
} {
  const send = async (request: NodeVaultRequest): Promise<NodeVaultResponse> => {
    const token = request.credential ?? credential();
    const headers: Record<string, string> = { ...request.headers };
    if (token !== null) headers['x-vault-token'] = token.reveal();
    const body = typeof request.json === 'object' && request.json !== null ? JSON.stringify(request.json) : null;
    if (body !== null) headers['content-type'] = 'application/json';
    const deadline = AbortSignal.timeout(timeoutMs);
    const signal = request.signal === undefined ? deadline : AbortSignal.any([deadline, request.signal]);
    try {
      // A redirect would carry the token elsewhere.
      const response = await fetch(request.uri, { method: request.method, headers, body, redirect: 'error', signal });
      return { statusCode: response.status, body: parse(await readText(response)), request: { path: request.path } };
    } catch (error) {
      throw new VaultFault(`${request.method} ${request.path}`, null, [
        scrub(reasonOf(error, deadline.aborted, timeoutMs)),
      ]);
    }
  };
  return { defaults: () => send };
}

async function readText(response: Response): Promise<string> {
  const bytes = await response.arrayBuffer();
  if (bytes.byteLength > MAX_ANSWER_BYTES) throw new Error('its answer is too large');
  return new TextDecoder().decode(bytes);
}

function parse(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // a proxy's page, not Vault's answer: the status tells enough
  }
}

function reasonOf(error: unknown, timedOut: boolean, timeoutMs: number): string {
  if (timedOut) return `no answer within ${String(timeoutMs)} ms`;
  if (!(error instanceof Error)) return 'the request failed';
  // fetch says "fetch failed" and keeps the reason (ECONNREFUSED, unexpected redirect) in its cause.
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}
