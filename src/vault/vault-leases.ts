import { allDone } from '../core/all-done.js';
import { Refusal, ServiceFault } from '../core/errors.js';
import { digestOf } from '../core/json.js';
import type { Secret } from '../core/secret.js';
import type { Claims, CredentialRow, OpenLease } from '../record/claims.js';
import { latest, type Draft, type Record as ActionRecord } from '../record/record.js';
import { authSchema, parseAnswer, wrapSchema } from './answers.js';
import type { VaultAnswer, VaultClient } from './client.js';
import type { LeaseRequest, Leases, OpenedLease, Proof, TokenVault } from './leases.js';
import { revokeAndProve, revokeAtVault } from './revoke.js';
import { openIncident } from './stolen-lease.js';
import { VaultFault } from './vault-fault.js';

/** Proves that a target knows an action's credential no more; see `src/targets/`. */
export type Witness = (
  lease: OpenLease,
  credential: { target: string; username: string | null; vaultRole: string | null },
) => Promise<Proof[]>;

export interface LeasesOptions {
  /** Logged in as the process that leases. */
  client: VaultClient;
  record: Pick<ActionRecord, 'append' | 'ofAction'>;
  claims: Pick<Claims, 'insertLease' | 'openLeases'>;
  /** The notary's only: without it `end` is refused. */
  witness: Witness | null;
  clock: () => number;
}

// Long enough for two commits to the record, short enough that a token nobody unwrapped is soon gone.
const WRAP_TTL_SECONDS = 60;

/** Leases from Vault's token roles and database engine. Secrets stay in this closure and in what `open` returns. */
export function createLeases(options: LeasesOptions): Leases {
  return {
    async open(request) {
      const { accessor, wrapping } = await createWrappedToken(options.client, request);
      const lease: OpeningLease = { accessor, leaseIds: [], leasedAtMs: options.clock() };
      try {
        // The row first, and alone: it is refused for an action that has ended, and then nothing says that this lease is open.
        await insertLease(request, lease, options);
        const [token] = await allDone([unwrap(wrapping, request, lease, options), stateLease(request, lease, options)]);
        return await issue(request, token, lease, options);
      } catch (error) {
        // Best effort: the row stays open, and the sweeper goes on where Vault or the target is away now.
        await revokeAtVault(options.client, lease).catch(() => undefined);
        throw error;
      }
    },
    revoke: (lease) => revokeAtVault(options.client, lease),
    end: (lease) => endLease(lease, options),
    endAll: (leases, requestDigest) => endLeases(leases, requestDigest, options),
  };
}

/** A lease on its way; `leaseIds` grows as Vault issues something under the token. */
interface OpeningLease {
  accessor: string;
  leaseIds: string[];
  leasedAtMs: number;
}

interface WrappedToken {
  accessor: string;
  wrapping: Secret;
}

async function createWrappedToken(client: VaultClient, request: LeaseRequest): Promise<WrappedToken> {
  const path = `auth/token/create/${request.tokenRole}`;
  const ttl = `${String(request.ttlSeconds)}s`;
  const body = {
    // Becomes part of the database user's name: the target's own log names the action.
    display_name: request.actionId.toLowerCase(),
    meta: { action: request.actionId, digest: request.actionDigest, purpose: request.purpose, run: request.runId },
    ttl,
    explicit_max_ttl: ttl,
  };
  const { wrap_info: wrap } = parseAnswer(
    wrapSchema,
    await client.write(path, body, { wrapTtlSeconds: WRAP_TTL_SECONDS }),
    path,
  );
  if (wrap.creation_path !== path || wrap.wrapped_accessor === undefined)
    throw new VaultFault(path, 200, ['the answer wraps something else than the token that was asked for']);
  return { accessor: wrap.wrapped_accessor, wrapping: wrap.token };
}

/** @throws Refusal `action_closed` behind the action's end: then the token stays wrapped, and is revoked. */
async function insertLease(
  { actionId, purpose, tokenRole, runId, ttlSeconds, step, target }: LeaseRequest,
  { accessor, leasedAtMs }: OpeningLease,
  { claims }: LeasesOptions,
): Promise<void> {
  await claims.insertLease({ accessor, actionId, step, purpose, target, tokenRole, runId, leasedAtMs, ttlSeconds });
}

/** On record before anything is asked under the token. */
async function stateLease(
  { actionId, requestDigest, purpose, tokenRole, runId, ttlSeconds }: LeaseRequest,
  { accessor, leasedAtMs }: OpeningLease,
  { record }: LeasesOptions,
): Promise<void> {
  const body = { purpose, accessor, tokenRole, ttlSeconds, runId, leasedAtMs };
  await record.append([{ kind: 'lease', actionId, requestDigest, key: accessor, body }]);
}

/** @throws Refusal `lease_intercepted` when somebody else did before; by then it is an incident on record. */
async function unwrap(
  wrapping: Secret,
  request: LeaseRequest,
  lease: OpeningLease,
  options: LeasesOptions,
): Promise<Secret> {
  const token = await unwrapOnce(options.client, wrapping, lease.accessor);
  if (token !== null) return token;
  // Neither waits for the other: a process that is killed here has told, and what was stolen is no longer good.
  const [refusal] = await allDone([
    openIncident(request, { ...lease, wrapTtlSeconds: WRAP_TTL_SECONDS }, options),
    revokeAtVault(options.client, lease).catch(() => undefined),
  ]);
  throw refusal;
}

/** @returns null when it is spent, or wraps another token than the one that was made. */
async function unwrapOnce(client: VaultClient, wrapping: Secret, accessor: string): Promise<Secret | null> {
  try {
    const answer = await client.write('sys/wrapping/unwrap', {}, { credential: wrapping });
    const { auth } = parseAnswer(authSchema, answer, 'sys/wrapping/unwrap');
    return auth.accessor === accessor ? auth.client_token : null;
  } catch (error) {
    if (error instanceof VaultFault && error.says(/wrapping token is not valid or does not exist/)) return null;
    throw error;
  }
}

async function issue<C>(
  request: LeaseRequest<C>,
  token: Secret,
  lease: OpeningLease,
  { client, record, clock }: LeasesOptions,
): Promise<OpenedLease<C>> {
  const { actionId, requestDigest, target, ttlSeconds } = request;
  const { accessor } = lease;
  const issued = await request.issue(asToken(client, token, lease));
  const issuedAtMs = clock();
  const { seconds, username, material, each = [{ ...issued, role: request.role }] } = issued;
  const rows = each.map(({ leaseId, username: user, role }): CredentialRow => {
    const vaultRole = role.slice(role.lastIndexOf('/') + 1);
    return { accessor, leaseId, vaultRole, username: user, target };
  });
  const statements = rows.map((row, index) => {
    const key = index === 0 ? accessor : `${accessor}/${String(index + 1)}`;
    return { kind: 'credential' as const, actionId, requestDigest, key, body: { ...row, issuedAtMs } };
  });
  const onRecord = record.append(statements).then(
    () => undefined,
    (error: unknown) => recordRefused(error, request, rows, record),
  );
  onRecord.catch(() => undefined); // whoever waits for it learns of it
  const expiresAtMs = Math.min(lease.leasedAtMs + ttlSeconds * 1_000, issuedAtMs + seconds * 1_000);
  const leaseIds = each.flatMap(({ leaseId }) => (leaseId === null ? [] : [leaseId]));
  return { accessor, leaseIds, username, material, expiresAtMs, onRecord };
}

/**
 * What was issued under a lease whose end is proven has no row any more. Its end is proven all the same, for the target was asked
 * for every user of the action, and whoever leased revokes it besides; its name, which the target's own log shows, is told here,
 * and not in the failure, which Temporal keeps.
 */
async function recordRefused(
  error: unknown,
  { actionId, requestDigest }: LeaseRequest,
  rows: readonly CredentialRow[],
  record: LeasesOptions['record'],
): Promise<never> {
  const [first] = rows;
  if (first === undefined || !(error instanceof Refusal && error.code === 'action_closed')) throw error;
  const { code, field } = error;
  const names = rows.map(({ username }) => username).join(', ');
  const message = `${error.message} Vault had issued ${names} before it ended: it is not used.`.slice(0, 1_000);
  const body = { code, field, message, who: null, sentDigest: null };
  await record.append([{ kind: 'refusal', actionId, requestDigest, key: `lease/${first.accessor}`, body }]);
  throw error;
}

/** Vault under the child token; what it issues is noted at once, so that it is revoked whatever comes next. */
function asToken(client: VaultClient, token: Secret, lease: OpeningLease): TokenVault {
  const noting = async (asked: Promise<VaultAnswer>): Promise<VaultAnswer> => {
    const answer = await asked;
    if (typeof answer.lease_id === 'string' && answer.lease_id !== '') lease.leaseIds.push(answer.lease_id);
    return answer;
  };
  return {
    read: (path) => noting(client.read(path, { credential: token })),
    write: (path, body) => noting(client.write(path, body, { credential: token })),
    delete: (path) => client.delete(path, { credential: token }),
    token,
    accessor: lease.accessor,
  };
}

async function endLease(
  { accessor, actionId }: { accessor: string; actionId: string },
  options: LeasesOptions,
): Promise<Proof[]> {
  requireWitness(options);
  const { client, claims, record } = options;
  const lease = await findLease(accessor, actionId, claims);
  if (lease === undefined || lease instanceof ServiceFault) {
    // Revoke before recording: a late record can be repaired, a live credential cannot.
    const proofs = await revokeAndProve(client, accessor, []);
    if (lease instanceof ServiceFault) throw lease;
    return proofs; // its end is on record already
  }
  const proofs = await proveEnd(lease, options);
  await record.append([revocationOf(lease, proofs, await readRequestDigest(actionId, record), options)]);
  return proofs;
}

async function endLeases(
  leases: readonly OpenLease[],
  requestDigest: string,
  options: LeasesOptions,
): Promise<PromiseSettledResult<Proof[]>[]> {
  const ends = await Promise.allSettled(leases.map((lease) => proveEnd(lease, options)));
  const proven = leases.flatMap((lease, index) => {
    const end = ends[index];
    return end?.status === 'fulfilled' ? [revocationOf(lease, end.value, requestDigest, options)] : [];
  });
  try {
    await options.record.append(proven);
    return ends;
  } catch (reason) {
    return ends.map((end) => (end.status === 'fulfilled' ? { status: 'rejected', reason } : end));
  }
}

/** Revokes, and asks Vault and the target until both know nothing of it. */
async function proveEnd(lease: OpenLease, options: LeasesOptions): Promise<Proof[]> {
  const witness = requireWitness(options);
  const proofs = await revokeAndProve(options.client, lease.accessor, leaseIdsOf(lease));
  // A crash between Vault's answer and its rows leaves the users unnamed: then by action id.
  const unnamed = { target: lease.target, username: null, vaultRole: null };
  const users = lease.credentials.length === 0 ? [unnamed] : lease.credentials;
  for (const user of users) proofs.push(...(await witness(lease, user)));
  return proofs;
}

function requireWitness({ witness }: LeasesOptions): Witness {
  if (witness === null)
    throw new Error('createLeases: this process has no witness, so it cannot prove the end of a lease');
  return witness;
}

function revocationOf(
  { accessor, actionId }: OpenLease,
  proofs: Proof[],
  requestDigest: string,
  { clock }: LeasesOptions,
): Draft<'revocation'> {
  const body = { accessor, proofs, revokedAtMs: clock() };
  return { kind: 'revocation', actionId, requestDigest, key: accessor, body };
}

/** Vault's leases of what was issued under a token, as its row tells. */
export function leaseIdsOf({ credentials }: Pick<OpenLease, 'credentials'>): string[] {
  return credentials.flatMap(({ leaseId }) => (leaseId === null ? [] : [leaseId]));
}

/** The lease's row while its end is not proven; when the record is away, the fault to throw once Vault has revoked. */
async function findLease(
  accessor: string,
  actionId: string,
  claims: LeasesOptions['claims'],
): Promise<OpenLease | undefined | ServiceFault> {
  try {
    return (await claims.openLeases(actionId)).find((lease) => lease.accessor === accessor);
  } catch (error) {
    if (error instanceof ServiceFault) return error;
    throw error;
  }
}

async function readRequestDigest(actionId: string, record: LeasesOptions['record']): Promise<string> {
  const request = latest(await record.ofAction(actionId), 'request');
  if (request === undefined)
    throw new Refusal(
      'statement_missing',
      `There is no request of action ${actionId} on record, though a lease was opened for it.`,
    );
  return digestOf(request.body);
}
