import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ServiceFault, type CountersignGateway } from '../../src/client/index.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import type { ProcessName } from '../../src/core/schemas/statements.js';
import { LONG_EXPORT, untilExporting } from '../adversarial/long-export.js';
import { GONE, NOTHING, statementsOf, tracesOf } from '../adversarial/traces.js';
import { agentOf, personAt, PLAIN_EXPORT, until as untilView, type PersonAtGateway } from '../support/actors.js';
import { startBreakableProxy, type BreakableProxy } from '../support/holding-proxy.js';
import { startStack, type StartedProcess, type Stack } from '../support/stack.js';
import { until } from '../support/until.js';

/** Between all four processes and the record's database; the target is reached without it. */
let record: BreakableProxy;
let stack: Stack;
let agent: CountersignGateway;
let ben: PersonAtGateway;

/** Takes a few seconds, and ends by itself. */
const SHORTER_EXPORT = {
  ...LONG_EXPORT,
  params: { ...LONG_EXPORT.params, query: LONG_EXPORT.params.query.replace('a.id > 0', 'a.id between 1 and 5') },
};

beforeAll(async () => {
  record = await startBreakableProxy(inject('services').postgres.adminUrl);
  const { host } = new URL(record.url);
  stack = await startStack({
    processes: ['notary', 'gateway'],
    extra: ({ recordUrls }) => {
      const through = (process: ProcessName): Record<string, string> => {
        const url = new URL(recordUrls[process].reveal());
        url.host = host;
        return { COUNTERSIGN_RECORD_URL: url.href };
      };
      const settings = (['gateway', 'worker', 'executor', 'notary'] as const).map((name) => [name, through(name)]);
      return Object.fromEntries(settings) as Partial<Record<ProcessName, Record<string, string>>>;
    },
  });
  agent = agentOf(stack);
  ben = await personAt(stack, 'ben');
});
afterAll(async () => {
  record.mend();
  await stack.close();
  await record.close();
});

/** Runs a test's work beside some processes, and ends those. */
async function beside(names: readonly ProcessName[], work: () => Promise<void>): Promise<void> {
  const processes: StartedProcess[] = await Promise.all(names.map((name) => stack.start(name)));
  try {
    await work();
  } finally {
    record.mend();
    await Promise.all(processes.map((process) => process.stop()));
  }
}

async function ask(request: typeof PLAIN_EXPORT = PLAIN_EXPORT): Promise<string> {
  return (await agent.request(request)).actionId;
}

async function untilWaiting(actionId: string): Promise<void> {
  await untilView(agent, actionId, ({ state }) => state === 'waiting', 60_000);
}

/** Until Temporal has seen an activity of the action fail, and keeps it to try again. */
async function untilTriedAgain(actionId: string, name: string): Promise<void> {
  await until(async () => {
    const { raw } = await stack.client.workflow.getHandle(workflowIdOf(actionId)).describe();
    return (raw.pendingActivities ?? []).some(
      ({ activityType, attempt }) => activityType?.name === name && (attempt ?? 0) > 1,
    );
  });
}

/** Kinds of the action's statements, read beside the proxy. */
async function countOf(actionId: string, kind: 'preview' | 'decision' | 'result' | 'receipt'): Promise<number> {
  return (await statementsOf(stack, kind)).filter((statement) => statement.actionId === actionId).length;
}

async function expectOneRun(actionId: string): Promise<void> {
  const done = await agent.wait(actionId, { timeoutMs: 60_000 });
  expect(done).toMatchObject({ state: 'done', outcome: { status: 'succeeded' }, lease: 'revoked' });
  expect(await tracesOf(stack, actionId)).toMatchObject({ ...GONE, effects: 1, leases: 1 });
  expect([await countOf(actionId, 'result'), await countOf(actionId, 'receipt')]).toEqual([1, 1]);
}

describe('the record is away before a stage', () => {
  it('the preview waits for it', async () => {
    const actionId = await ask();
    record.break();
    await beside(['worker'], async () => {
      await untilTriedAgain(actionId, 'prepare');
      expect(await countOf(actionId, 'preview')).toBe(0);
      record.mend();
      await untilWaiting(actionId);
      expect(await countOf(actionId, 'preview')).toBe(1);
    });
  }, 120_000);

  it('nothing can be asked or decided, and the open review outlives it', async () => {
    await beside(['worker', 'executor'], async () => {
      const actionId = await ask();
      await untilWaiting(actionId);
      const { actionDigest } = await agent.get(actionId);
      record.break();
      const decision = { decision: 'approve', reason: 'Fine', actionDigest: actionDigest ?? '' } as const;
      const decide = () => ben.decide(actionId, { ...decision, idempotencyKey: `once-${actionId}` });
      for (const attempt of [decide, ask]) {
        const fault: unknown = await attempt().catch((error: unknown) => error);
        expect(fault).toBeInstanceOf(ServiceFault);
        expect(fault).toMatchObject({ temporary: true });
      }
      expect(await countOf(actionId, 'decision')).toBe(0);
      expect(await tracesOf(stack, actionId)).toEqual(NOTHING);
      record.mend();
      await until(async () => (await decide()).state === 'filled');
      await expectOneRun(actionId);
    });
  }, 120_000);

  it('an approved action is not leased anything until it is back', async () => {
    await beside(['worker'], async () => {
      const actionId = await ask();
      await untilWaiting(actionId);
      await ben.decideOn(actionId, 'approve');
      record.break();
      await beside(['executor'], async () => {
        await untilTriedAgain(actionId, 'runUnderLease');
        expect(await tracesOf(stack, actionId)).toEqual(NOTHING);
        record.mend();
        await expectOneRun(actionId);
      });
    });
  }, 120_000);
});

describe('the record is away while the action runs', () => {
  it('its lease is revoked all the same; it ends with its own outcome when the record is back', async () => {
    await beside(['worker', 'executor'], async () => {
      const actionId = await ask(SHORTER_EXPORT);
      await untilWaiting(actionId);
      await ben.decideOn(actionId, 'approve');
      await untilExporting(stack, actionId);
      record.break();
      expect(await tracesOf(stack, actionId)).toMatchObject({ users: 1, tokens: 1, effects: 1 });
      await until(async () => {
        const { users, sessions, tokens, vaultLeases } = await tracesOf(stack, actionId);
        return users + sessions + tokens + vaultLeases === 0;
      }, 60_000);
      expect(await countOf(actionId, 'result')).toBe(0);
      record.mend();
      await expectOneRun(actionId);
      const files = (await readdir(stack.place.artefactsDir)).filter((name) => name.startsWith(actionId)).sort();
      expect(files).toEqual([`${actionId}.csv`, `${actionId}.json`]);
    });
  }, 180_000);
});
