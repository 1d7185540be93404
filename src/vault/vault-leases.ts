import { Refusal, ServiceFault } from '../core/errors.js';
import { digestOf } from '../core/json.js';
import type { Secret } from '../core/secret.js';
import type { Claims, OpenLease } from '../record/claims.js';
import { latest, type Record as ActionRecord } from '../record/record.js';
import { authSchema, parseAnswer, wrapSchema } from './answers.js';
import type { VaultAnswer, VaultClient } from './client.js';
import type { LeasedCredential, LeaseRequest, Leases, Proof, TokenVault } from './leases.js';
import { revokeAndProve, revokeAtVault } from './revoke.js';
import { VaultFault } from './vault-fault.js';

/** Proves that a target knows an action's credential no more; see `src/targets/`. */
export type Witness = (lease: OpenLease, credential: { target: string; username: string | null }) => Promise<Proof[]>;

export interface LeasesOptions {
  /** Logged in as the process that leases. */
  client: VaultClient;
  record: Pick<ActionRecord, 'append' | 'ofAction'>;
  claims: Pick<Claims, 'insertLease' | 'insertCredential' | 'closeLease' | 'openLeases'>;
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
      const lease: OpeningLease = { accessor, leaseId: null, leasedAtMs: options.clock() };
      try {
        await recordLease(request, lease, options);
        const token = await unwrap(options.client, accessor, wrapping, request);
        return await issue(request, token, lease, options);
      } catch (error) {
        // Best effort: the row stays open, and the sweeper goes on where Vault or the target is away now.
        await revokeAtVault(options.client, lease).catch(() => undefined);
        throw error;
      }
    },
    revoke: (lease) => revokeAtVault(options.client, lease),
    end: (lease) => endLease(lease, options),
  };
}

/** A lease on its way; `leaseId` as soon as Vault has issued something under the token. */
interface OpeningLease {
  accessor: string;
  leaseId: string | null;
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

/** Row and statement, side by side; both are on record before the token can be used. */
async function recordLease(
  request: LeaseRequest,
  { accessor, leasedAtMs }: OpeningLease,
  { claims, record }: LeasesOptions,
): Promise<void> {
  const { actionId, requestDigest, purpose, tokenRole, runId, ttlSeconds, step, target } = request;
  await bothWritten(
    claims.insertLease({ accessor, actionId, step, purpose, target, tokenRole, runId, leasedAtMs, ttlSeconds }),
    record.append([
      {
        kind: 'lease',
        actionId,
        requestDigest,
        key: accessor,
        body: { purpose, accessor, tokenRole, ttlSeconds, runId, leasedAtMs },
      },
    ]),
  );
}

async function unwrap(
  client: VaultClient,
  accessor: string,
  wrapping: Secret,
  { actionId }: LeaseRequest,
): Promise<Secret> {
  const intercepted = (cause?: unknown) =>
    new Refusal(
      'lease_intercepted',
      `The token for action ${actionId} was unwrapped by someone else, or too late; it is revoked. Treat it as an incident: Vault's audit log names who unwrapped it.`,
      null,
      { cause },
    );
  try {
    const answer = await client.write('sys/wrapping/unwrap', {}, { credential: wrapping });
    const { auth } = parseAnswer(authSchema, answer, 'sys/wrapping/unwrap');
    if (auth.accessor !== accessor) throw intercepted();
    return auth.client_token;
  } catch (error) {
    throw error instanceof VaultFault && error.says(/wrapping token is not valid or does not exist/)
      ? intercepted(error)
      : error;
  }
}

async function issue<C>(
  request: LeaseRequest<C>,
  token: Secret,
  lease: OpeningLease,
  { client, claims, record, clock }: LeasesOptions,
): Promise<LeasedCredential<C>> {
  const { actionId, requestDigest, target, ttlSeconds } = request;
  const { accessor } = lease;
  const { leaseId, seconds, username, material } = await request.issue(asToken(client, token, lease));
  const issuedAtMs = clock();
  const vaultRole = request.role.slice(request.role.lastIndexOf('/') + 1);
  const body = { accessor, leaseId, vaultRole, username, target, issuedAtMs };
  await bothWritten(
    claims.insertCredential({ leaseId, accessor, vaultRole, username, target }),
    record.append([{ kind: 'credential', actionId, requestDigest, key: accessor, body }]),
  );
  const expiresAtMs = Math.min(lease.leasedAtMs + ttlSeconds * 1_000, issuedAtMs + seconds * 1_000);
  return { accessor, leaseId, username, material, expiresAtMs };
}

/** Vault under the child token; what it issues is noted at once, so that it is revoked whatever comes next. */
function asToken(client: VaultClient, token: Secret, lease: OpeningLease): TokenVault {
  const noting = async (asked: Promise<VaultAnswer>): Promise<VaultAnswer> => {
    const answer = await asked;
    if (typeof answer.lease_id === 'string' && answer.lease_id !== '') lease.leaseId = answer.lease_id;
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

/** Waits for both even when one fails: nothing may still be under way when the caller cleans up. */
async function bothWritten(row: Promise<unknown>, statement: Promise<unknown>): Promise<void> {
  for (const outcome of await Promise.allSettled([row, statement]))
    if (outcome.status === 'rejected') throw outcome.reason;
}

async function endLease(
  { accessor, actionId }: { accessor: string; actionId: string },
  options: LeasesOptions,
): Promise<Proof[]> {
  const { client, claims, record, witness, clock } = options;
  if (witness === null)
    throw new Error('createLeases: this process has no witness, so it cannot prove the end of a lease');
  const lease = await findLease(accessor, actionId, claims);
  // Revoke before recording: a late record can be repaired, a live credential cannot.
  const leaseIds = lease instanceof ServiceFault ? [] : leaseIdsOf(lease);
  const proofs = await revokeAndProve(client, accessor, leaseIds);
  if (lease instanceof ServiceFault) throw lease;
  if (lease === undefined) return proofs; // its end is on record already
  // A crash between Vault's answer and its row leaves the user unnamed: then by action id.
  const users = lease.credentials.length === 0 ? [{ target: lease.target, username: null }] : lease.credentials;
  for (const user of users) proofs.push(...(await witness(lease, user)));

  const revokedAtMs = clock();
  const requestDigest = await readRequestDigest(actionId, record);
  await record.append([
    { kind: 'revocation', actionId, requestDigest, key: accessor, body: { accessor, proofs, revokedAtMs } },
  ]);
  await claims.closeLease(accessor, revokedAtMs);
  return proofs;
}

function leaseIdsOf(lease: OpenLease | undefined): string[] {
  return (lease?.credentials ?? []).flatMap(({ leaseId }) => (leaseId === null ? [] : [leaseId]));
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
