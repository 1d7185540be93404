import { allDone } from '../core/all-done.js';
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
 * Makes the sweep that ends what no live run holds (from the lease table) and what no lease row names (from Vault's accessors),
 * and proves the end of what Vault no longer knows.
 * Each call is one sweep; a failure with one lease never keeps the others from being ended.
 * @throws ServiceFault when neither table nor Vault could be read.
 */
export function createSweeper(options: SweeperOptions): () => Promise<SweepResult> {
  // What an accessor belongs to never changes: others' tokens are looked up once.
  const foreign = new Set<string>();
  return async () => {
    const result: SweepResult = { ended: 0, failed: 0 };
    const rows = options.claims.openLeases();
    // After the rows: a token is made before its row, so that one which a row names is in the list as long as it lives.
    const listed = rows.catch(() => []).then(() => listAccessors(options.client));
    await allDone([sweepRows(options, { rows, listed }, result), sweepAccessors(options, { listed, foreign }, result)]);
    return result;
  };
}

async function listAccessors(client: VaultClient): Promise<ReadonlySet<string>> {
  const answer = await client.list('auth/token/accessors');
  return new Set(parseAnswer(keysSchema, answer, 'auth/token/accessors').data.keys);
}

async function sweepRows(
  options: SweeperOptions,
  { rows, listed }: { rows: Promise<readonly OpenLease[]>; listed: Promise<ReadonlySet<string>> },
  result: SweepResult,
): Promise<void> {
  const open = await rows;
  // Without the list, times and runs still tell which are over.
  const present = await listed.catch(() => null);
  for (const lease of open) {
    const isLeft =
      present?.has(lease.accessor) === false
        ? isProvable(lease, open, present) && (await isUnknown(lease, options))
        : await isOver(lease, options);
    if (isLeft) await count(result, options, () => options.leases.end(lease));
  }
}

/** Of a lease whose token is gone, so that only the proof is missing, e.g. a preview's while people decide. */
function isProvable({ actionId }: OpenLease, open: readonly OpenLease[], present: ReadonlySet<string>): boolean {
  // While another lease of the action lives, the target knows a user of the action, and nothing could be proven; a witness
  // that ends what is left there would even end what that other one runs.
  return !open.some((other) => other.actionId === actionId && present.has(other.accessor));
}

/**
 * Whether Vault itself knows no such token. The list may come from a standby that is late, and whoever ends a lease revokes
 * what it finds alive: a run that goes on would lose its credential.
 */
async function isUnknown({ accessor }: OpenLease, { client, onFailure }: SweeperOptions): Promise<boolean> {
  try {
    return (await lookUp(client, accessor)) === null;
  } catch (error) {
    // Asked again in the next sweep; the other leases are not kept from theirs.
    onFailure?.(error);
    return false;
  }
}

async function isOver(
  { actionId, runId, leasedAtMs, ttlSeconds }: OpenLease,
  { clock, isLive }: SweeperOptions,
): Promise<boolean> {
  return clock() > leasedAtMs + ttlSeconds * 1_000 || (await isLive(actionId, runId)) === false;
}

async function sweepAccessors(
  options: SweeperOptions,
  { listed, foreign }: { listed: Promise<ReadonlySet<string>>; foreign: Set<string> },
  result: SweepResult,
): Promise<void> {
  const { client, claims, tokenRoles, clock, graceMs = 30_000 } = options;
  const present = await listed;
  for (const accessor of foreign) if (!present.has(accessor)) foreign.delete(accessor);
  for (const accessor of present) {
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
