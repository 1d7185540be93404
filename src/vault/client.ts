import nodeVault from 'node-vault';
import type { Secret } from '../core/secret.js';
import { createTransport } from './transport.js';
import { scrub, VaultFault } from './vault-fault.js';

/** Vault's JSON answer, as far as all paths share it; judged further by whoever asked. */
export interface VaultAnswer {
  data?: unknown;
  auth?: unknown;
  wrap_info?: unknown;
  lease_id?: unknown;
  lease_duration?: unknown;
}

export interface VaultRequestOptions {
  /** The token of this one request, instead of the client's. */
  credential?: Secret;
  /** Have the answer wrapped: it can be unwrapped once, within this time. */
  wrapTtlSeconds?: number;
  signal?: AbortSignal;
}

/**
 * Vault as Countersign uses it. Paths are without `v1/`.
 * All throw VaultFault: temporary for no answer, 5xx, 412 and 429; not for other refusals.
 */
export interface VaultClient {
  read(path: string, options?: VaultRequestOptions): Promise<VaultAnswer>;
  write(path: string, body: object, options?: VaultRequestOptions): Promise<VaultAnswer>;
  list(path: string, options?: VaultRequestOptions): Promise<VaultAnswer>;
  delete(path: string, options?: VaultRequestOptions): Promise<VaultAnswer>;
}

export interface VaultClientOptions {
  /** e.g. `https://vault.example.com:8200` */
  address: string;
  /** The token to send; null before a login. */
  credential: () => Secret | null;
  /** Default 10,000. */
  timeoutMs?: number;
}

// HTTP clients normalise `..` and encoded slashes before Vault sees the path: only plain segments pass.
const PATH = /^[A-Za-z0-9_][A-Za-z0-9_.-]*(\/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$/;

/** A client over node-vault with our own transport: no redirects, time-outs, and no secret in any error or `inspect`. */
export function createVaultClient({ address, credential, timeoutMs = 10_000 }: VaultClientOptions): VaultClient {
  const url = new URL(address);
  if (url.username !== '' || url.password !== '')
    throw new Error('createVaultClient: the address must not hold credentials');
  const vault = nodeVault({
    endpoint: url.origin + url.pathname.replace(/\/$/, ''),
    'request-promise': createTransport({ timeoutMs, credential }),
    // Its default prints bodies, and with them secrets, when DEBUG names it.
    debug: () => undefined,
  });
  // node-vault takes these from the environment; ours come as arguments only.
  Object.assign(vault, { token: '', namespace: '', pathPrefix: '' });

  const ask = async (method: string, path: string, send: () => Promise<unknown>): Promise<VaultAnswer> => {
    if (!PATH.test(path))
      throw new Error(`Vault path "${path.slice(0, 200)}" is refused: it may hold plain segments only.`);
    try {
      return (await send()) ?? {};
    } catch (error) {
      throw error instanceof VaultFault ? error : faultOf(`${method} ${path}`, error);
    }
  };
  return {
    read: (path, options) => ask('read', path, () => vault.read(path, requestOptions(options))),
    write: (path, body, options) => ask('write', path, () => vault.write(path, body, requestOptions(options))),
    list: (path, options) => ask('list', path, () => vault.list(path, requestOptions(options))),
    delete: (path, options) => ask('delete', path, () => vault.delete(path, requestOptions(options))),
  };
}

function requestOptions({ credential, wrapTtlSeconds, signal }: VaultRequestOptions = {}): Record<string, unknown> {
  return {
    ...(credential === undefined ? {} : { credential }),
    ...(signal === undefined ? {} : { signal }),
    ...(wrapTtlSeconds === undefined ? {} : { headers: { 'x-vault-wrap-ttl': `${String(wrapTtlSeconds)}s` } }),
  };
}

/** node-vault's own errors keep the whole body: of it only the scrubbed texts go on. */
function faultOf(request: string, error: unknown): VaultFault {
  const response = (error as { response?: { statusCode?: unknown; body?: { errors?: unknown } } }).response;
  const errors: unknown[] = Array.isArray(response?.body?.errors) ? response.body.errors : [];
  const answers = errors.filter((text) => typeof text === 'string').map(scrub);
  return new VaultFault(request, typeof response?.statusCode === 'number' ? response.statusCode : null, answers);
}
