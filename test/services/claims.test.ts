import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Refusal } from '../../src/core/errors.js';
import { CLOSE_ENDED_LEASES } from '../../src/record/postgres/following-rows.js';
import { digestOf } from '../../src/core/json.js';
import type { ProcessName } from '../../src/core/schemas/statements.js';
import type { LeaseRow } from '../../src/record/claims.js';
import type { AnyDraft } from '../../src/record/record.js';
import { becomeAll, installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';
import { newActionId } from '../support/signing.js';
import { until } from '../support/until.js';

const STEP = 'run';

interface TestAction {
  actionId: string;
  requestDigest: string;
}

const newAction = (): TestAction => ({ actionId: newActionId(), requestDigest: digestOf('') });

/** Whether it was taken. */
async function stated(process: TestProcess, draft: AnyDraft): Promise<boolean> {
  try {
    await process.record.append([draft]);
    return true;
  } catch (error) {
    if (!(error instanceof Refusal && error.code === 'already_claimed')) throw error;
    return false;
  }
}

function claim(process: TestProcess, action: TestAction, attempt: number, { step = STEP, key = '' } = {}) {
  const body = { actionDigest: digestOf(''), step, attempt, runId: 'run', approvers: [], claimedAtMs: 1 };
  return stated(process, { kind: 'claim', ...action, body, key: key || `${step}/${String(attempt)}`, isFirst: true });
}

function begin(process: TestProcess, action: TestAction, attempt: number, { step = STEP, key = '' } = {}) {
  const body = { actionDigest: digestOf(''), step, attempt, startedAtMs: 1 };
  return stated(process, { kind: 'effect', ...action, body, key: key || step, isFirst: true });
}

describe('claims, effects and the lease table', () => {
  let installation: TestInstallation;
  let processes: Record<ProcessName, TestProcess>;

  beforeAll(async () => {
    installation = await installForTest();
    processes = await becomeAll(installation);
  });
  afterAll(() => installation.close());

  const countStatements = (actionId: string) =>
    installation.inRecord(async (client) => {
      const counting = `select kind, count(*)::int from countersign.statements where action_id = $1 group by kind order by kind`;
      return (await client.query<{ kind: string; count: number }>(counting, [actionId])).rows;
    });

  const leaseRow = (change: Partial<LeaseRow> = {}): LeaseRow => ({
    accessor: randomUUID(),
    actionId: newActionId(),
    step: STEP,
    purpose: 'execute',
    target: 'orders',
    tokenRole: 'some-role',
    runId: 'run-1',
    leasedAtMs: 1_795_000_000_000,
    ttlSeconds: 60,
    ...change,
  });

  it('lets one of 50 take an attempt, and begins one effect, of the newest attempt', async () => {
    const { executor } = processes;
    const twin = await installation.become('executor');
    const action = newAction();
    const both = Array.from({ length: 25 }, () => [executor, twin]).flat();
    const claimed = await Promise.all(both.map((process) => claim(process, action, 1)));
    expect(claimed.filter(Boolean)).toHaveLength(1);
    expect(await claim(twin, action, 2)).toBe(true);
    expect(await claim(executor, action, 1)).toBe(false);
    expect(await executor.claims.taken(action.actionId, STEP)).toEqual({ attempts: 2, isBegun: false });
    const begun = await Promise.all([
      ...both.map((process) => begin(process, action, 2)),
      ...both.map((process) => begin(process, action, 1)),
    ]);
    expect(begun.filter(Boolean)).toHaveLength(1);
    expect(await twin.claims.taken(action.actionId, STEP)).toEqual({ attempts: 2, isBegun: true });
    expect(await claim(executor, action, 3)).toBe(false);
    expect(await begin(executor, action, 2)).toBe(false);
    // What was refused is not stated either.
    const stated = (await countStatements(action.actionId)).map(({ kind, count }) => [kind, count]);
    expect(stated).toEqual([
      ['claim', 2],
      ['effect', 1],
    ]);
  });

  it('takes nothing twice by other keys: the rows are what counts', async () => {
    const { executor } = processes;
    const action = newAction();
    await claim(executor, action, 1);
    expect(await claim(executor, action, 1, { key: 'another' })).toBe(false);
    await begin(executor, action, 1);
    expect(await begin(executor, action, 1, { key: 'another' })).toBe(false);
  });

  it('takes nothing where the migration that keeps an action to one effect was not run', async () => {
    const { claims } = processes.executor;
    const rename = (from: string, to: string) =>
      installation.inRecord((client) => client.query(`alter function countersign.${from}() rename to ${to}`));
    await rename('follow_statement', 'gone');
    try {
      const taken = claims.taken(newActionId(), STEP);
      await expect(taken).rejects.toMatchObject({ service: 'record', temporary: false, sqlState: '42883' });
    } finally {
      await rename('gone', 'follow_statement');
    }
  });

  it('begins nothing by a role whose transactions would not see that the action has ended', async () => {
    const { executor } = processes;
    const action = newAction();
    const [row] = (await executor.pool.query<{ role: string }>('select current_user role')).rows;
    const change = (what: string) =>
      installation.inRecord((client) => client.query(`alter role ${row?.role ?? ''} ${what}`));
    await change("set default_transaction_isolation = 'repeatable read'");
    try {
      const strict = await installation.become('executor');
      // By the slow way, which says what it needs: it does not know the chain's end yet.
      await claim(strict, action, 1);
      await expect(begin(strict, action, 1)).rejects.toMatchObject({ service: 'record', temporary: false });
      expect((await executor.claims.taken(action.actionId, STEP)).isBegun).toBe(false);
    } finally {
      await change('reset default_transaction_isolation');
    }
  });

  it('hands on a refusal from behind a lock as it is, whatever words it quotes', async () => {
    const refusal = new Refusal('budget_exceeded', 'The budget of timeout-bot has no room.');
    const refused = processes.executor.claims.underLock('budget/some', () => Promise.reject(refusal));
    await expect(refused).rejects.toBe(refusal);
  });

  it('lets an effect and a new claim that race never both win', async () => {
    const { executor } = processes;
    const twin = await installation.become('executor');
    for (let round = 0; round < 20; round += 1) {
      const action = newAction();
      await claim(executor, action, 1);
      const [begun, second] = await Promise.all([begin(executor, action, 1), claim(twin, action, 2)]);
      expect(begun).toBe(!second);
    }
  });

  it('begins no effect of an action that has ended, whichever of the two comes first', async () => {
    const { executor, notary } = processes;
    for (let round = 0; round < 20; round += 1) {
      const action = newAction();
      await claim(executor, action, 1);
      const [begun, end] = await Promise.all([begin(executor, action, 1), notary.claims.endAction(action.actionId)]);
      expect(begun).toBe(end.effectBegan);
      expect(await notary.claims.endAction(action.actionId)).toEqual(end);
      expect(await begin(executor, action, 1)).toBe(false);
    }
  });

  it('takes no lease of an action that has ended, whichever of the two comes first', async () => {
    const { executor, worker, notary } = processes;
    for (let round = 0; round < 20; round += 1) {
      const row = leaseRow();
      const { actionId } = row;
      const [inserted, listed] = await Promise.allSettled([
        executor.claims.insertLease(row),
        // What the notary finds once it has ended the action is all there ever is.
        notary.claims.endAction(actionId).then(() => notary.claims.openLeases(actionId)),
      ]);
      expect(listed).toMatchObject({ status: 'fulfilled' });
      const found = listed.status === 'fulfilled' ? listed.value.map(({ accessor }) => accessor) : [];
      expect(found).toEqual(inserted.status === 'fulfilled' ? [row.accessor] : []);
      if (inserted.status === 'rejected') expect(inserted.reason).toMatchObject({ code: 'action_closed' });
      const preview = leaseRow({ actionId, purpose: 'preview' });
      await expect(worker.claims.insertLease(preview)).rejects.toMatchObject({ code: 'action_closed' });
    }
  });

  it('begins no effect that waited for the end to be written', async () => {
    const action = newAction();
    await claim(processes.executor, action, 1);
    await installation.inRecord(async (client) => {
      await client.query('begin');
      await client.query("select pg_advisory_xact_lock(hashtextextended('countersign.claim/' || $1::text, 0))", [
        action.actionId,
      ]);
      const beginning = begin(processes.executor, action, 1);
      const waiting = `select from pg_locks where locktype = 'advisory' and not granted
        and database = (select oid from pg_database where datname = current_database())`;
      await until(async () => (await client.query(waiting)).rowCount === 1);
      await client.query('insert into countersign.action_ends (action_id) values ($1)', [action.actionId]);
      await client.query('commit');
      expect(await beginning).toBe(false);
    });
  });

  it('takes no lease that waited for the end to be written', async () => {
    const row = leaseRow();
    await installation.inRecord(async (client) => {
      await client.query('begin');
      await client.query("select pg_advisory_xact_lock(hashtextextended('countersign.claim/' || $1::text, 0))", [
        row.actionId,
      ]);
      const inserting = processes.executor.claims.insertLease(row).catch((error: unknown) => error);
      const waiting = `select from pg_locks where locktype = 'advisory' and not granted
        and database = (select oid from pg_database where datname = current_database())`;
      await until(async () => (await client.query(waiting)).rowCount === 1);
      await client.query('insert into countersign.action_ends (action_id) values ($1)', [row.actionId]);
      await client.query('commit');
      expect(await inserting).toMatchObject({ code: 'action_closed' });
    });
    expect(await processes.notary.claims.openLeases(row.actionId)).toEqual([]);
  });

  it('keeps steps and actions apart, and begins nothing unclaimed', async () => {
    const { executor } = processes;
    const action = newAction();
    expect(await claim(executor, action, 1)).toBe(true);
    expect(await claim(executor, action, 1, { step: 'another' })).toBe(true);
    expect(await begin(executor, newAction(), 1)).toBe(false);
    expect(await begin(executor, action, 2)).toBe(false);
    expect(await begin(executor, action, 1, { step: 'third' })).toBe(false);
  });

  it('lists leases whose end is not proven, with what was issued under them', async () => {
    const { executor, worker, notary } = processes;
    const { actionId, requestDigest } = newAction();
    const [left, closed, preview] = [
      leaseRow({ actionId }),
      leaseRow({ actionId }),
      leaseRow({ actionId, purpose: 'preview', step: 'preview' }),
    ];
    await executor.claims.insertLease(left);
    await executor.claims.insertLease(closed);
    await worker.claims.insertLease(preview);
    const credential = ({ accessor }: LeaseRow) => ({
      ...{ leaseId: `db/creds/x/${accessor}`, accessor, vaultRole: 'x', username: 'cs-1', target: 'orders' },
    });
    const issue = (row: LeaseRow) =>
      executor.record.append([
        { kind: 'credential', actionId, requestDigest, body: { ...credential(row), issuedAtMs: 1 }, key: row.accessor },
      ]);
    await issue(left);
    const { accessor } = closed;
    const revocation = { accessor, proofs: [], revokedAtMs: 1 };
    const draft = { kind: 'revocation' as const, actionId, requestDigest, body: revocation, key: accessor };
    await notary.record.append([draft]);
    await notary.record.append([draft]); // idempotent
    await expect(issue(closed)).rejects.toMatchObject({ code: 'action_closed' });
    expect((await notary.claims.openLeases(actionId)).map((lease) => lease.credentials)).toEqual(
      expect.arrayContaining([[credential(left)], []]),
    );
    const open = (await notary.claims.openLeases()).map((lease) => lease.accessor);
    expect(open).toEqual(expect.arrayContaining([left.accessor, preview.accessor]));
    expect(open).not.toContain(accessor);
    expect(await notary.claims.knowsAccessor(accessor)).toBe(true);
    expect(await notary.claims.knowsAccessor('never seen')).toBe(false);
  });

  it('are there for a large history of an earlier release once the migration has run', async () => {
    await installation.inRecord(async (client) => {
      await client.query('begin');
      try {
        await client.query('set local session_replication_role = replica'); // plant history quickly
        await client.query(`insert into countersign.leases (accessor, action_id, step, purpose, target, token_role, run_id, leased_at_ms, ttl_seconds)
          select 'old-' || n, lpad(n::text, 26, '0'), 'execute', 'execute', 'orders', 'r', 'run', 1, 60 from generate_series(1, 50000) n`);
        await client.query(
          `insert into countersign.lease_closures (accessor, proven_at_ms) select 'old-' || n, 1 from generate_series(1, 50000) n`,
        );
        await client.query(`insert into countersign.statements (kind, action_id, digest, process, number, previous, key, envelope)
          select 'revocation', lpad(n::text, 26, '0'), encode(sha256(n::text::bytea), 'hex'), 'notary', 1000000 + n, repeat('0', 64), 'old-' || n, '{}'
          from generate_series(1, 50000) n`);
        await client.query('set local session_replication_role = origin');
        await client.query(CLOSE_ENDED_LEASES);
      } finally {
        await client.query('rollback');
      }
    });
  }, 60_000);

  it('two processes that state of the same leases at once never wait for each other for ever', async () => {
    const { executor, notary } = processes;
    let faults = 0;
    for (let round = 0; round < 30; round += 1) {
      const { actionId, requestDigest } = newAction();
      const accessors = Array.from({ length: 16 }, () => randomUUID());
      for (const accessor of accessors)
        await executor.claims.insertLease({
          ...{ accessor, actionId, step: STEP, purpose: 'execute', target: 'orders', tokenRole: 'r', runId: 'run' },
          ...{ leasedAtMs: 1, ttlSeconds: 60 },
        });
      const issue = executor.record.append(
        accessors.map((accessor) => ({
          kind: 'credential' as const,
          ...{ actionId, requestDigest, key: accessor },
          body: { leaseId: `l/${accessor}`, accessor, vaultRole: 'x', username: 'u', target: 'orders', issuedAtMs: 1 },
        })),
      );
      const end = notary.record.append(
        accessors.toReversed().map((accessor) => ({
          kind: 'revocation' as const,
          ...{ actionId, requestDigest, key: accessor },
          body: { accessor, proofs: [], revokedAtMs: 1 },
        })),
      );
      for (const result of await Promise.allSettled([issue, end]))
        if (result.status === 'rejected' && (result.reason as { sqlState?: string }).sqlState === '40P01') faults += 1;
    }
    expect(faults).toBe(0);
  }, 60_000);
});
