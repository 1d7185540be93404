import pg from 'pg';
import type { Claims, CredentialRow, LeaseRow, OpenLease } from './claims.js';
import { inTransaction, query, runTransaction } from './postgres/pool.js';
import { refusalOfRow } from './postgres/sql-states.js';

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

// Where the migration that writes these rows was not run, nothing would keep an action to one effect: then it is refused here.
const TAKEN = {
  name: 'taken',
  text: `select coalesce(max(attempt), 0) attempts, 'countersign.follow_statement'::regproc,
      exists (select from countersign.effects where action_id = $1 and step = $2) is_begun
    from countersign.claims where action_id = $1 and step = $2`,
};

/** What was claimed and begun, and the lease table, in PostgreSQL. The pool is the caller's, also to end. */
export function createClaims(pool: pg.Pool): Claims {
  const oneByOne = createQueue();
  return {
    taken: async (actionId, step) => {
      const [row] = await query<{ attempts: number; is_begun: boolean }>(pool, TAKEN, [actionId, step]);
      if (row === undefined) throw new Error('taken: an aggregate has a row');
      return { attempts: row.attempts, isBegun: row.is_begun };
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
    openLeases: (actionId) => openLeases(pool, actionId),
    knowsAccessor: async (accessor) =>
      (await query(pool, 'select from countersign.leases where accessor = $1', [accessor])).length > 0,
  };
}

async function insertLease(pool: pg.Pool, row: LeaseRow): Promise<void> {
  const { accessor, actionId, step, purpose, target, tokenRole, runId, leasedAtMs, ttlSeconds } = row;
  const values = [accessor, actionId, step, purpose, target, tokenRole, runId, leasedAtMs, ttlSeconds];
  await query(pool, INSERT_LEASE, values).catch((error: unknown) => {
    throw refusalOfRow(error, 'The action has ended: nothing is leased for it any more.');
  });
}

const LOCK = 'select pg_advisory_xact_lock(hashtextextended($1, 0))';

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
  // The lock of claims and effects: what follows it sees what its last holder committed.
  const answers = await runTransaction(pool, [
    `select pg_advisory_xact_lock(hashtextextended('countersign.claim/' || ${id}, 0))`,
    `insert into countersign.action_ends (action_id) values (${id}) on conflict (action_id) do nothing`,
    `select from countersign.effects where action_id = ${id}`,
  ]);
  return { effectBegan: (answers.at(-1)?.rowCount ?? 0) > 0 };
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
