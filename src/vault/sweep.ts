import type { Claims, OpenLease } from '../record/claims.js';
import { accessorSchema, keysSchema, parseAnswer } from './answers.js';
import type { VaultClient } from './client.js';
import type { Leases } from './leases.js';
import { isUnknownAccessor, revokeAccessor } from './revoke.js';
import { VaultFault } from './vault-fault.js';

export interface SweeperOptions {
  /** Logged in as the notary: it alone may list accessors. */
  client: VaultClient;
  claims: Pick<Claims, 'openLeases' | 'knowsAccessor'>;
  leases: Pick<Leases, 'end'>;
  /** Whether a run of the action's workflow is open; `unknown` while Temporal is away: then only the TTL counts. */
  isLive: (actionId: string, runId: string) => Promise<boolean | 'unknown'>;
  /** Token roles that only Countersign creates tokens from. */
  tokenRoles: ReadonlySet<string>;
  /** How long a token may exist before its row: the time between its creation and the commit. Default 30,000. */
  graceMs?: number;
  clock: () => number;
  /** Told why a lease or token could not be ended; the sweep goes on. */
  onFailure?: (error: unknown) => void;
}

export interface SweepResult {
  ended: number;
  /** Leases and tokens that should be gone and are not yet; each is tried again in the next sweep. */
  failed: number;
}

/**
 * Makes the sweep that ends what no live run holds (from the lease table) and what no lease row names (from Vault's accessors).
 * Each call is one sweep; a failure with one lease never keeps the others from being ended.
 * @throws ServiceFault when neither table nor Vault could be read.
 */
export function createSweeper(options: SweeperOptions): () => Promise<SweepResult> {
  // What an accessor belongs to never changes: others' tokens are looked up once.
  const foreign = new Set<string>();
  return async () => {
    const result: SweepResult = { ended: 0, failed: 0 };
    const outcomes = await Promise.allSettled([sweepRows(options, result), sweepAccessors(options, foreign, result)]);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    return result;
  };
}

async function sweepRows(options: SweeperOptions, result: SweepResult): Promise<void> {
  for (const lease of await options.claims.openLeases()) {
    if (!(await isOver(lease, options))) continue;
    await count(result, options, () => options.leases.end(lease));
  }
}

async function isOver(
  { actionId, runId, leasedAtMs, ttlSeconds }: OpenLease,
  { clock, isLive }: SweeperOptions,
): Promise<boolean> {
  return clock() > leasedAtMs + ttlSeconds * 1_000 || (await isLive(actionId, runId)) === false;
}

async function sweepAccessors(options: SweeperOptions, foreign: Set<string>, result: SweepResult): Promise<void> {
  const { client, claims, tokenRoles, clock, graceMs = 30_000 } = options;
  const { keys } = parseAnswer(keysSchema, await client.list('auth/token/accessors'), 'auth/token/accessors').data;
  const present = new Set(keys);
  for (const accessor of foreign) if (!present.has(accessor)) foreign.delete(accessor);
  for (const accessor of keys) {
    if (foreign.has(accessor)) continue;
    const token = await lookUp(client, accessor).catch((error: unknown) => {
      // A lasting refusal must not pass for "nothing to end", nor keep the others from being looked at.
      if (!(error instanceof VaultFault) || error.temporary) throw error;
      result.failed += 1;
      options.onFailure?.(error);
      return null;
    });
    if (token === null) continue;
    if (token.role === undefined || !tokenRoles.has(token.role)) foreign.add(accessor);
    else if (clock() - token.creation_time * 1_000 > graceMs && !(await claims.knowsAccessor(accessor)))
      await count(result, options, () => revokeAccessor(client, accessor));
  }
}

async function lookUp(
  client: VaultClient,
  accessor: string,
): Promise<{ role?: string | undefined; creation_time: number } | null> {
  try {
    return parseAnswer(
      accessorSchema,
      await client.write('auth/token/lookup-accessor', { accessor }),
      'auth/token/lookup-accessor',
    ).data;
  } catch (error) {
    // It ended since it was listed.
    if (isUnknownAccessor(error)) return null;
    throw error;
  }
}

async function count(result: SweepResult, { onFailure }: SweeperOptions, end: () => Promise<unknown>): Promise<void> {
  try {
    await end();
    result.ended += 1;
  } catch (error) {
    result.failed += 1;
    onFailure?.(error);
  }
}
