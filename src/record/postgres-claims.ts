import pg from 'pg';
import type { BeginCondition, ClaimAnswer, Claims, CredentialRow, LeaseRow, OpenLease } from './claims.js';
import { Refusal } from '../core/errors.js';
import { ACTION_ENDED } from './postgres/migrations.js';
import { inTransaction, query, RecordFault, runTransaction } from './postgres/pool.js';

interface OpenLeaseRow {
  accessor: string;
  action_id: string;
  step: string;
  purpose: LeaseRow['purpose'];
  target: string;
  token_role: string;
  run_id: string;
  leased_at_ms: string;
  ttl_seconds: number;
  credentials: { lease_id: string; accessor: string; vault_role: string; username: string; target: string }[];
}

const INSERT_LEASE = {
  name: 'insert-lease',
  text: `insert into countersign.leases (accessor, action_id, step, purpose, target, token_role, run_id, leased_at_ms, ttl_seconds)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
};
const INSERT_CREDENTIALS = {
  name: 'insert-credentials',
  text: `insert into countersign.lease_credentials (lease_id, accessor, vault_role, username, target)
    select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])`,
};

/** Claims, effects and the lease table in PostgreSQL. The pool is the caller's, also to end. */
export function createClaims(pool: pg.Pool): Claims {
  const oneByOne = createQueue();
  return {
    claim: async (actionId, step, runId) => {
      const taken = await takeStep(pool, actionId, step, runId);
      if (taken.kind === 'effect_begun') return taken;
      // A first attempt has nothing behind it: leases come after their claim.
      if (taken.attempt === 1) return { ...taken, left: [] };
      const left = await openLeases(pool, actionId);
      return { ...taken, left: left.filter((lease) => lease.step === step) };
    },
    beginEffect: async (actionId, step, attempt, condition) => {
      const insert = effectSql(actionId, step, attempt);
      if (condition === undefined) return (await alone(pool, actionId, insert)).rowCount === 1;
      // Those that wait for the lock hold a connection each, and whoever has it needs another one to read.
      return oneByOne(() => beginIf(pool, actionId, insert, condition));
    },
    underLock: (lock, work) =>
      oneByOne(() =>
        inTransaction(pool, async (client) => {
          await client.query('begin isolation level read committed');
          await client.query(LOCK, [`countersign.${lock}`]);
          return work();
        }),
      ),
    endAction: (actionId) => endAction(pool, actionId),
    insertLease: (row) => insertLease(pool, row),
    insertCredentials: async (rows) => {
      const columns = (['leaseId', 'accessor', 'vaultRole', 'username', 'target'] as const).map((column) =>
        rows.map((row) => row[column]),
      );
      await unlessEnded(
        () => query(pool, INSERT_CREDENTIALS, columns),
        'The lease has ended: nothing more is issued under it.',
      );
    },
    closeLease: async (accessor, provenAtMs) => {
      await query(
        pool,
        'insert into countersign.lease_closures (accessor, proven_at_ms) values ($1, $2) on conflict (accessor) do nothing',
        [accessor, provenAtMs],
      );
    },
    openLeases: (actionId) => openLeases(pool, actionId),
    knowsAccessor: async (accessor) =>
      (await query(pool, 'select from countersign.leases where accessor = $1', [accessor])).length > 0,
  };
}

async function insertLease(pool: pg.Pool, row: LeaseRow): Promise<void> {
  const { accessor, actionId, step, purpose, target, tokenRole, runId, leasedAtMs, ttlSeconds } = row;
  const values = [accessor, actionId, step, purpose, target, tokenRole, runId, leasedAtMs, ttlSeconds];
  await unlessEnded(
    () => query(pool, INSERT_LEASE, values),
    'The action has ended: nothing is leased for it any more.',
  );
}

/** @throws Refusal `action_closed` in these words, where the record says that it is too late. */
async function unlessEnded(insert: () => Promise<unknown>, words: string): Promise<void> {
  try {
    await insert();
  } catch (error) {
    if (!(error instanceof RecordFault && error.sqlState === ACTION_ENDED)) throw error;
    throw new Refusal('action_closed', words);
  }
}

async function takeStep(
  pool: pg.Pool,
  actionId: string,
  step: string,
  runId: string,
): Promise<Exclude<ClaimAnswer, { kind: 'claimed' }> | { kind: 'claimed'; attempt: number }> {
  const [id, name, run] = [actionId, step, runId].map((value) => pg.escapeLiteral(value));
  const { rows } = await alone<{ begun: number | null; claimed: number | null }>(
    pool,
    actionId,
    `with begun as (select attempt from countersign.effects where action_id = ${id} and step = ${name}),
     claimed as (
       insert into countersign.claims (action_id, step, attempt, run_id)
       select ${id}, ${name}, (select coalesce(max(attempt), 0) + 1 from countersign.claims where action_id = ${id} and step = ${name}), ${run}
       where not exists (select from begun) returning attempt)
     select (select attempt from begun) begun, (select attempt from claimed) claimed`,
  );
  const [{ begun, claimed } = { begun: null, claimed: null }] = rows;
  if (begun !== null) return { kind: 'effect_begun', attempt: begun };
  if (claimed === null) throw new Error(`The claim of ${actionId} was not written.`);
  return { kind: 'claimed', attempt: claimed };
}

function effectSql(actionId: string, step: string, attempt: number): string {
  const [id, name] = [actionId, step].map((value) => pg.escapeLiteral(value));
  const number = String(Math.trunc(attempt));
  return `insert into countersign.effects (action_id, step, attempt)
     select ${id}, ${name}, ${number}
     where ${number} = (select max(attempt) from countersign.claims where action_id = ${id} and step = ${name})
       and not exists (select from countersign.action_ends where action_id = ${id})
     on conflict (action_id, step) do nothing`;
}

const LOCK = 'select pg_advisory_xact_lock(hashtextextended($1, 0))';

/** One transaction from the lock to the row: a connection that breaks in between takes both with it. */
async function beginIf(
  pool: pg.Pool,
  actionId: string,
  insert: string,
  { lock, refuses }: BeginCondition,
): Promise<boolean> {
  const answer = await inTransaction(pool, async (client) => {
    await client.query('begin isolation level read committed');
    await client.query(LOCK, [`countersign.${lock}`]);
    const refusal = await refuses();
    if (refusal !== null) return refusal;
    await client.query(LOCK, [claimLock(actionId)]);
    return (await client.query(insert)).rowCount === 1;
  });
  if (answer instanceof Refusal) throw answer;
  return answer;
}

/** Runs pieces of work one after the other, in the order in which they came. */
function createQueue(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work, work);
    last = next.catch(() => undefined);
    return next;
  };
}

async function endAction(pool: pg.Pool, actionId: string): Promise<{ effectBegan: boolean }> {
  const id = pg.escapeLiteral(actionId);
  const { rowCount } = await alone(
    pool,
    actionId,
    `insert into countersign.action_ends (action_id) values (${id}) on conflict (action_id) do nothing`,
    `select from countersign.effects where action_id = ${id}`,
  );
  return { effectBegan: rowCount !== null && rowCount > 0 };
}

/**
 * Runs statements in a transaction that no other claim or effect of this action runs beside. They see what the lock's last
 * holder committed.
 * @returns the last one's answer.
 */
async function alone<Row extends pg.QueryResultRow>(
  pool: pg.Pool,
  actionId: string,
  ...statements: readonly string[]
): Promise<pg.QueryResult<Row>> {
  const lock = pg.escapeLiteral(claimLock(actionId));
  const answers = await runTransaction(pool, [
    `select pg_advisory_xact_lock(hashtextextended(${lock}, 0))`,
    ...statements,
  ]);
  return answers.at(-1) as pg.QueryResult<Row>;
}

function claimLock(actionId: string): string {
  return `countersign.claim/${actionId}`;
}

async function openLeases(pool: pg.Pool, actionId?: string): Promise<OpenLease[]> {
  const rows = await query<OpenLeaseRow>(
    pool,
    `select l.*, coalesce((select json_agg(c) from countersign.lease_credentials c where c.accessor = l.accessor), '[]') credentials
     from countersign.leases l
     where ($1::text is null or l.action_id = $1) and not exists (select from countersign.lease_closures e where e.accessor = l.accessor)
     order by l.leased_at_ms, l.accessor`,
    [actionId ?? null],
  );
  return rows.map((row) => ({
    accessor: row.accessor,
    actionId: row.action_id,
    step: row.step,
    purpose: row.purpose,
    target: row.target,
    tokenRole: row.token_role,
    runId: row.run_id,
    leasedAtMs: Number(row.leased_at_ms),
    ttlSeconds: row.ttl_seconds,
    credentials: row.credentials.map((credential): CredentialRow => ({
      leaseId: credential.lease_id,
      accessor: credential.accessor,
      vaultRole: credential.vault_role,
      username: credential.username,
      target: credential.target,
    })),
  }));
}
