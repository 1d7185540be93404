import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { effectsFor, lackOfRoom } from '../../src/budgets/room.js';
import type { CountingOperation } from '../../src/budgets/spent.js';
import type { Budget } from '../../src/core/schemas/action.js';
import { Refusal } from '../../src/core/errors.js';
import { digestOf } from '../../src/core/json.js';
import { operations } from '../../src/operations/catalog.gen.js';
import { seeded } from '../unit/core/seeded.js';
import { installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';
import { makeRequest } from '../support/statements.js';

const STEP = 'execute';
const operation = operations.get('database.export') as CountingOperation;

let installation: TestInstallation;
let gateway: TestProcess;
let worker: TestProcess;
let executors: [TestProcess, TestProcess, TestProcess];

beforeAll(async () => {
  installation = await installForTest();
  const become = (process: 'gateway' | 'worker' | 'executor') => installation.become(process);
  [gateway, worker] = await Promise.all([become('gateway'), become('worker')]);
  executors = await Promise.all([become('executor'), become('executor'), become('executor')]);
});
afterAll(() => installation.close());

interface Approved {
  actionId: string;
  requestDigest: string;
  params: { target: string; query: string; format: string; maxRows: number };
}

/** An action that was approved and claimed: all that comes before its effect is on record. */
async function approve(target: string, maxRows: number): Promise<Approved> {
  const params = { target, query: 'select 1', format: 'csv', maxRows };
  const request = await makeRequest(installation.agent, { params });
  const { actionId, requestDigest } = request;
  await gateway.record.appendAgentStatement('request', actionId, request.envelope);
  const plan = {
    ...{ stages: [], escalations: [], remindAfterMs: null, expireAfterMs: 60_000, leaseTtlSeconds: 60 },
    ...{ assurance: 'any' as const, policies: ['p'] },
  };
  const snapshot = {
    ...{ actionId, operation: 'database.export', params, agent: 'export-bot', leaseRole: 'r', expiresAtMs: Date.now() },
    ...{ fingerprint: digestOf(''), previewDigest: digestOf(''), planDigest: digestOf(plan) },
  };
  const actionDigest = digestOf(snapshot);
  const body = {
    ...{ round: 1, policy: { digest: digestOf(''), number: 1 }, plan, barred: [], snapshot, actionDigest },
    ...{ reopened: null, openedAtMs: Date.now() },
  };
  await worker.record.append([{ kind: 'plan', actionId, requestDigest, body }]);
  const [executor] = executors;
  const claim = { actionDigest, step: STEP, attempt: 1, runId: 'run', approvers: [], claimedAtMs: Date.now() };
  await executor.record.append([{ kind: 'claim', actionId, requestDigest, body: claim }]);
  return { actionId, requestDigest, params };
}

const budgetOf = (atMost: number, change: Partial<Budget> = {}): Budget[] => [
  { unit: 'rows', atMost, windowMs: 3_600_000, per: 'target', ...change },
];

/** As the executor does. */
async function beginIfRoom(
  { claims, record }: TestProcess,
  { actionId, requestDigest, params }: Approved,
  budgets: Budget[],
): Promise<void> {
  const action = { actionId, agent: 'export-bot', target: params.target, operation, params };
  await claims.underLock(`budget/${operation.name}`, async () => {
    const lack = lackOfRoom(budgets, action, await effectsFor(record, budgets));
    if (lack !== null) throw lack;
    const body = { actionDigest: digestOf(''), step: STEP, attempt: 1, startedAtMs: 1 };
    await record.append([{ kind: 'effect', actionId, requestDigest, body, key: STEP, isFirst: true }]);
  });
}

/** Whether it began; false when the budget has no room, or it began before. */
async function begin(approved: Approved, budgets: Budget[], process = executors[0]): Promise<boolean> {
  try {
    await beginIfRoom(process, approved, budgets);
    return true;
  } catch (error) {
    expect(['budget_exceeded', 'already_claimed']).toContain(error instanceof Refusal && error.code);
    return false;
  }
}

async function finish({ actionId, requestDigest }: Approved, rows: number): Promise<void> {
  const outcome = { status: 'succeeded' as const, code: 'succeeded', message: 'It ran.', result: { rows } };
  const body = { step: STEP, outcome, findings: [], finishedAtMs: Date.now() };
  await executors[0].record.append([{ kind: 'result', actionId, requestDigest, body, key: STEP }]);
}

describe('effects under one budget', () => {
  it('begin exactly as many as fit, of 30 at once over three executors', async () => {
    const all = await Promise.all(Array.from({ length: 30 }, () => approve('one-each', 1)));
    const begun = await Promise.all(all.map((one, index) => begin(one, budgetOf(7), executors[index % 3])));
    expect(begun.filter(Boolean)).toHaveLength(7);
  });

  it('never come to more than the budget, whatever each may come to', async () => {
    const random = seeded(20261123);
    const all = await Promise.all(
      Array.from({ length: 24 }, () => approve('of-all-sizes', 1 + Math.floor(random() * 40))),
    );
    const begun = await Promise.all(all.map((one, index) => begin(one, budgetOf(100), executors[index % 3])));
    const rows = all.filter((_, index) => begun[index]).map(({ params }) => params.maxRows);
    const sum = rows.reduce((one, other) => one + other, 0);
    expect(sum).toBeLessThanOrEqual(100);
    // None of those that were refused would have fitted.
    const refused = all.filter((_, index) => !begun[index]).map(({ params }) => params.maxRows);
    expect(Math.min(...refused)).toBeGreaterThan(100 - sum);
  });

  it('count for a budget of the agent and for one of the target, though these begin at once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const target = `both-${String(round)}`;
      const [one, other] = await Promise.all([approve(target, 1), approve(target, 1)]);
      const begun = await Promise.all([
        begin(one, budgetOf(1, { per: 'agent and target' }), executors[0]),
        begin(other, budgetOf(1), executors[1]),
      ]);
      expect(begun.filter(Boolean)).toHaveLength(1);
    }
  });

  it('give back what they did not come to, and keep what they did', async () => {
    const [large, small, last] = await Promise.all([approve('gives', 90), approve('gives', 20), approve('gives', 80)]);
    expect(await begin(large, budgetOf(100))).toBe(true);
    expect(await begin(small, budgetOf(100))).toBe(false);
    await finish(large, 15);
    expect(await begin(last, budgetOf(100))).toBe(true);
    expect(await begin(small, budgetOf(100))).toBe(false);
  });

  it('count once, however often it is asked, and a second attempt begins nothing', async () => {
    const [one, other] = await Promise.all([approve('once', 50), approve('once', 50)]);
    expect(await begin(one, budgetOf(100))).toBe(true);
    expect(await begin(one, budgetOf(100))).toBe(false);
    expect(await begin(other, budgetOf(100))).toBe(true);
  });

  it('are refused by a condition without a trace: what has no room can begin when there is some', async () => {
    const one = await approve('later', 50);
    expect(await begin(one, budgetOf(49))).toBe(false);
    expect(await begin(one, budgetOf(50))).toBe(true);
  });
});

describe('what counts', () => {
  const nameOf = async (target: string) =>
    (await gateway.record.effectsWithin(3_600_000)).begun.filter(
      ({ approved }) => approved.params['target'] === target,
    );

  it('is when the database says that it began, whatever an executor’s clock says', async () => {
    const one = await approve('clock', 1);
    await begin(one, budgetOf(1));
    const { atMs } = await gateway.record.effectsWithin(3_600_000);
    const [found] = await nameOf('clock');
    expect(Math.abs((found?.beganAtMs ?? 0) - atMs)).toBeLessThan(60_000);
    expect(await gateway.record.effectsWithin(0)).toMatchObject({ begun: [] });
  });

  it('is there without the row that let it begin, by the statement of its effect', async () => {
    const one = await approve('row-gone', 1);
    const { actionId } = one;
    expect(await begin(one, budgetOf(1))).toBe(true);
    await installation.inRecord(async (client) => {
      await client.query('alter table countersign.effects disable trigger append_only');
      const deleted = await client.query('delete from countersign.effects where action_id = $1', [actionId]);
      expect(deleted.rowCount).toBe(1);
      await client.query('alter table countersign.effects enable trigger append_only');
    });
    expect(await nameOf('row-gone')).toMatchObject([{ actionId, result: null }]);
    expect(await begin(await approve('row-gone', 1), budgetOf(1))).toBe(false);
  });

  // Last: from here on nobody can count in this record.
  it('cannot be told once the claim of an effect was deleted: then nothing begins', async () => {
    const gone = await approve('deleted', 1);
    await begin(gone, budgetOf(9));
    const next = await approve('elsewhere', 1);
    await installation.inRecord(async (client) => {
      await client.query('begin');
      await client.query('alter table countersign.statements disable trigger append_only');
      const deleted = await client.query("delete from countersign.statements where action_id = $1 and kind = 'claim'", [
        gone.actionId,
      ]);
      expect(deleted.rowCount).toBe(1);
      await client.query('alter table countersign.statements enable trigger append_only');
      await client.query('commit');
    });
    const [executor] = executors;
    const beginning = beginIfRoom(executor, next, budgetOf(9));
    await expect(beginning).rejects.toMatchObject({ code: 'statement_invalid' });
    await expect(beginning).rejects.toThrow('what the executor had claimed is not on record');
    // The chain of its executor shows the gap, besides.
    expect((await executor.record.verifyChain('executor')).faults).not.toEqual([]);
  });
});
