import pg from 'pg';
import type { ClaimAnswer, Claims, CredentialRow, LeaseRow, OpenLease } from './claims.js';
import { inTransaction, query } from './postgres/pool.js';

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

/** Claims, effects and the lease table in PostgreSQL. The pool is the caller's, also to end. */
export function createClaims(pool: pg.Pool): Claims {
  return {
    claim: async (actionId, step, runId) => {
      const taken = await inTransaction(pool, (client) => takeStep(client, actionId, step, runId));
      if (taken.kind === 'effect_begun') return taken;
      const left = await openLeases(pool, actionId);
      return { ...taken, left: left.filter((lease) => lease.step === step) };
    },
    beginEffect: (actionId, step, attempt) =>
      inTransaction(pool, (client) => beginEffect(client, actionId, step, attempt)),
    endAction: (actionId) => inTransaction(pool, (client) => endAction(client, actionId)),
    insertLease: async (row) => {
      await query(
        pool,
        `insert into countersign.leases (accessor, action_id, step, purpose, target, token_role, run_id, leased_at_ms, ttl_seconds)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
        [
          row.accessor,
          row.actionId,
          row.step,
          row.purpose,
          row.target,
          row.tokenRole,
          row.runId,
          row.leasedAtMs,
          row.ttlSeconds,
        ],
      );
    },
    insertCredential: async (row) => {
      await query(
        pool,
        'insert into countersign.lease_credentials (lease_id, accessor, vault_role, username, target) values ($1, $2, $3, $4, $5)',
        [row.leaseId, row.accessor, row.vaultRole, row.username, row.target],
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

async function takeStep(
  client: pg.PoolClient,
  actionId: string,
  step: string,
  runId: string,
): Promise<Exclude<ClaimAnswer, { kind: 'claimed' }> | { kind: 'claimed'; attempt: number }> {
  await beginAlone(client, actionId);
  const begun = await client.query<{ attempt: number }>(
    'select attempt from countersign.effects where action_id = $1 and step = $2',
    [actionId, step],
  );
  const [effect] = begun.rows;
  if (effect !== undefined) return { kind: 'effect_begun', attempt: effect.attempt };
  const { rows } = await client.query<{ attempt: number }>(
    `insert into countersign.claims (action_id, step, attempt, run_id)
     select $1, $2, coalesce(max(attempt), 0) + 1, $3 from countersign.claims where action_id = $1 and step = $2 returning attempt`,
    [actionId, step, runId],
  );
  const [claim] = rows;
  if (claim === undefined) throw new Error(`The claim of ${actionId} was not written.`);
  return { kind: 'claimed', attempt: claim.attempt };
}

async function beginEffect(client: pg.PoolClient, actionId: string, step: string, attempt: number): Promise<boolean> {
  await beginAlone(client, actionId);
  const { rowCount } = await client.query(
    `insert into countersign.effects (action_id, step, attempt)
     select $1, $2, $3 where $3 = (select max(attempt) from countersign.claims where action_id = $1 and step = $2)
       and not exists (select from countersign.action_ends where action_id = $1)
     on conflict (action_id, step) do nothing`,
    [actionId, step, attempt],
  );
  return rowCount === 1;
}

async function endAction(client: pg.PoolClient, actionId: string): Promise<{ effectBegan: boolean }> {
  await beginAlone(client, actionId);
  await client.query('insert into countersign.action_ends (action_id) values ($1) on conflict (action_id) do nothing', [
    actionId,
  ]);
  const { rowCount } = await client.query('select from countersign.effects where action_id = $1', [actionId]);
  return { effectBegan: rowCount !== null && rowCount > 0 };
}

/** Begins a transaction that no other claim or effect of this action runs beside. */
async function beginAlone(client: pg.PoolClient, actionId: string): Promise<void> {
  const lock = pg.escapeLiteral(`countersign.claim/${actionId}`);
  await client.query(`begin; select pg_advisory_xact_lock(hashtextextended(${lock}, 0))`);
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
