import { z } from 'zod';
import { Secret } from '../core/secret.js';
import { authSchema, parseAnswer } from './answers.js';
import { createVaultClient, type VaultClient } from './client.js';
import { VaultFault } from './vault-fault.js';

/** How a process proves to Vault which process it is. */
export interface AppRoleLogin {
  address: string;
  /** Mount of the AppRole method. Default `approle`. */
  mount?: string;
  /** Name of the role: the wrapped secret id must have been made for it. */
  role: string;
  roleId: string;
  /** Wrapping token of a secret id that can be used once. */
  wrappedSecretId: Secret;
  timeoutMs?: number;
  /** Told once when the token is lost for good: the process cannot go on and must be given a new secret id. */
  onLost?: (fault: VaultFault) => void;
}

/** A logged-in client that keeps its token alive until it is closed. */
export interface VaultSession extends VaultClient {
  /** Stops renewing and revokes the token. Never throws: an unrevoked token ends with its period. */
  close(): Promise<void>;
}

const RENEW_FRACTION = 0.5;
const RETRY_MS = 5_000;
// A token near its last end is renewed for less and less: never in a tight loop.
const MIN_DELAY_MS = 1_000;

/**
 * Unwraps the secret id, logs in and renews the token in the background.
 * @throws VaultFault 400 when the secret id was already unwrapped or has expired: if nobody here did, someone else holds it.
 */
export async function logInToVault(login: AppRoleLogin): Promise<VaultSession> {
  let token: Secret | null = null;
  const client = createVaultClient({
    address: login.address,
    credential: () => token,
    ...(login.timeoutMs === undefined ? {} : { timeoutMs: login.timeoutMs }),
  });
  const mount = login.mount ?? 'approle';
  const secretId = await unwrapSecretId(client, `auth/${mount}/role/${login.role}/secret-id`, login.wrappedSecretId);
  const answer = await client.write(`auth/${mount}/login`, { role_id: login.roleId, secret_id: secretId.reveal() });
  const { auth } = parseAnswer(authSchema, answer, 'login');
  token = auth.client_token;
  const renewal = keepAlive(client, auth.renewable ? auth.lease_duration : 0, (fault) => login.onLost?.(fault));
  return {
    ...client,
    async close() {
      renewal.stop();
      await client.write('auth/token/revoke-self', {}).catch(() => undefined);
      token = null;
    },
  };
}

const lookupSchema = z.object({ data: z.object({ creation_path: z.string() }) });
const secretIdSchema = z.object({
  data: z.object({
    secret_id: z
      .string()
      .min(1)
      .transform((value) => new Secret(value)),
  }),
});

async function unwrapSecretId(client: VaultClient, expectedPath: string, wrapped: Secret): Promise<Secret> {
  // A wrapping token that someone swapped was made at another path.
  const lookup = parseAnswer(
    lookupSchema,
    await client.write('sys/wrapping/lookup', { token: wrapped.reveal() }),
    'sys/wrapping/lookup',
  );
  if (lookup.data.creation_path !== expectedPath) {
    throw new VaultFault('sys/wrapping/lookup', 400, [
      'the wrapped secret id was not made for this role: it may have been exchanged on its way',
    ]);
  }
  const answer = await client.write('sys/wrapping/unwrap', {}, { credential: wrapped });
  return parseAnswer(secretIdSchema, answer, 'sys/wrapping/unwrap').data.secret_id;
}

function keepAlive(client: VaultClient, ttlSeconds: number, onLost: (fault: VaultFault) => void): { stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const schedule = (delayMs: number): void => {
    if (stopped) return;
    timer = setTimeout(() => void renew(), Math.max(delayMs, MIN_DELAY_MS));
    timer.unref();
  };
  const renew = async (): Promise<void> => {
    try {
      const { auth } = parseAnswer(
        authSchema,
        await client.write('auth/token/renew-self', {}),
        'auth/token/renew-self',
      );
      schedule(auth.lease_duration * 1_000 * RENEW_FRACTION);
    } catch (error) {
      if (stopped) return;
      if (error instanceof VaultFault && !error.temporary) onLost(error);
      else schedule(RETRY_MS);
    }
  };
  if (ttlSeconds > 0) schedule(ttlSeconds * 1_000 * RENEW_FRACTION);
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
