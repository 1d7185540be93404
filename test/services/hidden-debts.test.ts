import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkLedger } from '../../src/ledger/check.js';
import { startSequencer } from '../../src/ledger/sequencer.js';
import { digestOf } from '../../src/core/json.js';
import { claimKeyOf, GLASS_KEY_END } from '../../src/record/debts.js';
import type { StatementBody } from '../../src/core/schemas/statements.js';
import { becomeAll, installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';
import { makeLedgerKey, ORIGIN, sequencerOptions } from '../support/ledger.js';
import { makeRequest } from '../support/statements.js';
import { until } from '../support/until.js';

const key = makeLedgerKey();
let installation: TestInstallation;
let gateway: TestProcess;
let worker: TestProcess;
let executor: TestProcess;
let notary: TestProcess;

beforeAll(async () => {
  installation = await installForTest();
  ({ gateway, worker, executor, notary } = await becomeAll(installation));
});
afterAll(() => installation.close());

interface Broken {
  actionId: string;
  requestDigest: string;
  plan: StatementBody<'plan'>;
}

/** An action whose glass two people broke; not claimed yet. */
async function planned(): Promise<Broken> {
  const request = await makeRequest(installation.agent);
  const { actionId, requestDigest } = request;
  await gateway.record.appendAgentStatement('request', actionId, request.envelope);
  const plan = {
    ...{ stages: [{ group: 'dba', quorum: 1 }], escalations: [], remindAfterMs: null, expireAfterMs: 60_000 },
    ...{ leaseTtlSeconds: 60, assurance: 'any' as const, policies: ['p'] },
    breakGlass: { stages: [{ group: 'sre', quorum: 2 }], leaseTtlSeconds: 30, reviewWithinMs: 3_600_000 },
  };
  const snapshot = {
    ...{ actionId, operation: 'database.export', params: request.body.params, agent: 'export-bot', leaseRole: 'r' },
    ...{ fingerprint: digestOf(''), previewDigest: digestOf(''), planDigest: digestOf(plan), expiresAtMs: Date.now() },
  };
  const body: StatementBody<'plan'> = {
    ...{ round: 1, policy: { digest: digestOf(''), number: 1 }, plan, barred: [], snapshot },
    ...{ actionDigest: digestOf(snapshot), reopened: null, openedAtMs: Date.now() },
  };
  await worker.record.append([{ kind: 'plan', actionId, requestDigest, body }]);
  const decisionOf = (person: string): StatementBody<'decision'> => ({
    ...{
      round: 1,
      actionDigest: body.actionDigest,
      runId: 'run',
      decision: 'approve' as const,
      breakGlass: true as const,
    },
    ...{ reason: 'The shop is down, and no DBA picks up.', approver: { person, groups: ['sre'] } },
    ...{ via: { channel: 'api', subject: person, eventId: person }, decidedAtMs: Date.now() },
  });
  await gateway.record.append(
    ['erin', 'fay'].map((person) => ({
      ...{ kind: 'decision' as const, actionId, requestDigest, body: decisionOf(person) },
      key: `run/1/${person}${GLASS_KEY_END}`,
    })),
  );
  return { actionId, requestDigest, plan: body };
}

async function claim({ actionId, requestDigest, plan }: Broken): Promise<void> {
  const body: StatementBody<'claim'> = {
    ...{ actionDigest: plan.actionDigest, step: 'execute', attempt: 1, runId: 'run', approvers: ['erin', 'fay'] },
    ...{ breakGlass: { by: ['erin', 'fay'], dueAtMs: Date.now() + 3_600_000 }, claimedAtMs: Date.now() },
  };
  await executor.record.append([{ kind: 'claim', actionId, requestDigest, body, key: claimKeyOf(body) }]);
}

async function broken(): Promise<Broken> {
  const made = await planned();
  await claim(made);
  return made;
}

async function pay(actionId: string): Promise<void> {
  const [debt] = (await gateway.record.debts()).debts.filter((one) => one.actionId === actionId);
  const statement = (await gateway.record.ofAction(actionId))[0];
  if (debt === undefined || statement === undefined) throw new Error('nothing is owed');
  const requestDigest = statement.statement.subject[0].digest.sha256;
  const body: StatementBody<'retrospective'> = {
    ...{ claim: debt.claim, verdict: 'justified' as const, reason: 'It was.', by: { person: 'ben', groups: ['dba'] } },
    ...{ via: { channel: 'api', subject: 'ben' }, reviewedAtMs: Date.now() },
  };
  await gateway.record.append([{ kind: 'retrospective', actionId, requestDigest, body, key: `${debt.claim}/ben` }]);
}

/** Changes rows as who administers the database can, looks, and puts them back. */
async function whileTampered<T>(sql: string, look: () => Promise<T>): Promise<T> {
  return installation.inRecord(async (admin) => {
    await admin.query('set session_replication_role = replica');
    await admin.query('create temporary table kept as select * from countersign.statements');
    const { rows } = await admin.query<{ form: string }>(
      `select pg_get_constraintdef(oid) form from pg_constraint where conname = 'about_an_action'`,
    );
    await admin.query(`alter table countersign.statements drop constraint about_an_action; ${sql}`);
    try {
      return await look();
    } finally {
      await admin.query(`delete from countersign.statements;
        insert into countersign.statements overriding system value select * from kept; drop table kept;
        alter table countersign.statements add constraint about_an_action ${rows[0]?.form ?? ''}`);
    }
  });
}

/** Whether somebody could break a glass now. */
async function isFree(): Promise<boolean> {
  const list = await executor.record.debts({ chained: true });
  return list.debts.length === 0 && list.unreadable.length === 0 && list.gap === null;
}

describe('a debt on record that somebody would hide', () => {
  it.each<[string, (id: string) => string]>([
    [
      'its claim and decisions are under no action',
      (id) =>
        `update countersign.statements set action_id = null where action_id = '${id}' and kind in ('claim', 'decision')`,
    ],
    [
      'its claim is under no action, and its decisions under other keys',
      (id) =>
        `update countersign.statements set action_id = null where action_id = '${id}' and kind = 'claim';
       update countersign.statements set key = digest where action_id = '${id}' and kind = 'decision'`,
    ],
  ])('is not hidden while %s', async (_, sql) => {
    const { actionId } = await broken();
    try {
      expect(await whileTampered(sql(actionId), isFree)).toBe(false);
    } finally {
      await pay(actionId);
    }
  });

  // Behind 5,000 statements of the executor nobody looks at the key any more but the ledger.
  it('is found by a key that the ledger compares with what was signed', async () => {
    const { actionId } = await broken();
    const sequencer = startSequencer(sequencerOptions(notary.pool, key));
    await until(async () => {
      const { rows } = await notary.pool.query<{ left: string }>(`select (select count(*) from countersign.statements)
        - coalesce((select max(size) from countersign.ledger_checkpoints), 0) as left`);
      return rows[0]?.left === '0';
    });
    await sequencer.close();
    const check = () => checkLedger({ pool: notary.pool, origin: ORIGIN, keys: () => [key] });
    expect((await check()).faults).toEqual([]);
    const sql = `update countersign.statements set key = digest where action_id = '${actionId}' and kind in ('claim', 'decision')`;
    const { free, faults } = await whileTampered(sql, async () => {
      const { debts, unreadable } = await executor.record.debts();
      return { free: debts.length + unreadable.length === 0, faults: (await check()).faults };
    });
    expect(free).toBe(true);
    await pay(actionId);
    expect(faults.map(({ code }) => code)).toContain('ledger_row_changed');
  });

  it('is not paid by a plan without reviewers that whoever has the worker’s key states afterwards', async () => {
    const { actionId, requestDigest, plan } = await broken();
    const forged = { ...plan, plan: { ...plan.plan, stages: [] } };
    const before = await isFree();
    await worker.record.append([{ kind: 'plan', actionId, requestDigest, body: forged }]);
    const after = await isFree();
    if (!after) await pay(actionId).catch(() => undefined);
    expect([before, after]).toEqual([false, false]);
  });

  it('is told as a gap, not thrown, where somebody planted a claim without a body in the executor’s chain', async () => {
    const statement = { predicateType: 'https://countersign.dev/claim/v1', predicate: { chain: {} as object } };
    const list = await installation.inRecord(async (admin) => {
      await admin.query('set session_replication_role = replica');
      const { rows } = await admin.query<{ number: string; digest: string }>(
        `select number, digest from countersign.statements where process = 'executor' order by number desc limit 1`,
      );
      const number = Number(rows[0]?.number) + 1;
      statement.predicate.chain = { process: 'executor', number, previous: rows[0]?.digest };
      const payload = Buffer.from(JSON.stringify(statement));
      const digest = await crypto.subtle.digest('SHA-256', payload);
      const envelope = {
        payloadType: 'application/vnd.in-toto+json',
        payload: payload.toString('base64'),
        signatures: [{ keyid: 'executor/1', sig: '' }],
      };
      await admin.query(
        `insert into countersign.statements (kind, action_id, digest, process, number, previous, key, envelope)
         values ('claim', $1, $2, 'executor', $3, $4, 'execute/1', $5)`,
        [
          '01JD8ZV7Y0Q5W3K9R1T4X6B8N9',
          Buffer.from(digest).toString('hex'),
          number,
          rows[0]?.digest,
          JSON.stringify(envelope),
        ],
      );
      try {
        return await executor.record.debts({ chained: true }).catch((error: unknown) => error);
      } finally {
        await admin.query(
          `delete from countersign.statements where process = 'executor' and number = ${String(number)}`,
        );
      }
    });
    expect(list).not.toBeInstanceOf(Error);
    expect(list).toMatchObject({ gap: expect.stringContaining('executor') as string });
  });

  // Without a look at the executor's chain: the gateway asks like this.
  it('is not told as none where something began and its claim is gone', async () => {
    const made = await broken();
    const { actionId, requestDigest, plan } = made;
    const body = { actionDigest: plan.actionDigest, step: 'execute', attempt: 1, startedAtMs: Date.now() };
    await executor.record.append([{ kind: 'effect', actionId, requestDigest, body, key: 'execute' }]);
    const sql = `delete from countersign.statements where action_id = '${actionId}' and kind = 'claim'`;
    expect(await whileTampered(sql, () => gateway.record.debts())).toMatchObject({ unreadable: [actionId] });
    await pay(actionId);
  });

  it('is not told by statements that are about several requests', async () => {
    const { actionId, plan } = await broken();
    const other = { ...plan, round: 2 };
    await worker.record.append([{ kind: 'plan', actionId, requestDigest: digestOf('another'), body: other }]);
    expect(await gateway.record.debts()).toMatchObject({ unreadable: [actionId] });
    await installation.inRecord(async (admin) => {
      await admin.query('set session_replication_role = replica');
      await admin.query(
        `delete from countersign.statements where action_id = $1 and kind = 'plan'
        and digest = (select digest from countersign.statements where process = 'worker' order by number desc limit 1)`,
        [actionId],
      );
    });
    await pay(actionId);
  });
});
