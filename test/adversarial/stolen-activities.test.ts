import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { CompleteAsyncError } from '@temporalio/activity';
import { temporal } from '@temporalio/proto';
import { NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { CountersignGateway } from '../../src/client/index.js';
import { TASK_QUEUES, type ConcludeResult, type Prepared, type RunResult } from '../../src/contracts/activities.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { agentOf, personAt, PLAIN_EXPORT, until as untilView, type PersonAtGateway } from '../support/actors.js';
import { startStack, type Stack } from '../support/stack.js';
import { until } from '../support/until.js';
import { activitiesIn } from './history.js';
import { LONG_EXPORT, untilExporting } from './long-export.js';
import { GONE, NOTHING, refusalsOf, tracesOf } from './traces.js';

let stack: Stack;
let agent: CountersignGateway;
let ben: PersonAtGateway;

beforeAll(async () => {
  stack = await startStack({ processes: ['gateway'] });
  agent = agentOf(stack);
  ben = await personAt(stack, 'ben');
});
afterAll(async () => {
  await stack.close();
});

type Activities = Record<string, (...args: never[]) => Promise<unknown>>;

/** Work with a worker of a stranger's on one of our queues; on ours for workflows it runs our own code. */
async function withStranger<T>(queue: string, activities: Activities, work: () => Promise<T>): Promise<T> {
  const connection = await NativeConnection.connect({ address: inject('services').temporal.address });
  const codePath = fileURLToPath(new URL('../../dist/workflow-bundle.js', import.meta.url));
  const worker = await Worker.create({
    connection,
    namespace: stack.namespace,
    taskQueue: queue,
    // They hold the keys too: encryption is no part of what stops them.
    dataConverter: stack.dataConverter,
    activities,
    ...(queue === TASK_QUEUES.worker ? { workflowBundle: { codePath } } : {}),
  });
  try {
    return await worker.runUntil(work);
  } finally {
    await connection.close();
  }
}

/** Work with some of our own processes running. */
async function withOurs<T>(names: Parameters<Stack['start']>[0][], work: () => Promise<T>): Promise<T> {
  const started = await Promise.all(names.map((name) => stack.start(name)));
  try {
    return await work();
  } finally {
    await Promise.all(started.map((process) => process.stop()));
  }
}

async function hold(request = PLAIN_EXPORT): Promise<string> {
  const { actionId } = await agent.request(request);
  await untilView(agent, actionId, ({ state }) => state === 'waiting');
  return actionId;
}

function handleOf(actionId: string) {
  return stack.client.workflow.getHandle(workflowIdOf(actionId));
}

/** A review that asks nobody. */
function madeUp(actionId: string): Prepared {
  const { publicKey } = stack.installation.agent;
  return {
    actionId,
    agent: 'export-bot',
    operation: 'database.export',
    target: 'orders',
    environment: 'production',
    title: 'Nothing to see',
    risk: 'info',
    round: 1,
    actionDigest: 'a'.repeat(64),
    plan: {
      stages: [],
      escalations: [],
      remindAfterMs: null,
      expireAfterMs: 3_600_000,
      leaseTtlSeconds: 60,
      assurance: 'any',
      policies: ['mine'],
    },
    barred: [],
    fillable: 'now',
    openedAtMs: Date.now(),
    expiresAtMs: Date.now() + 3_600_000,
    decisionKeys: [publicKey],
    agentKey: publicKey,
  };
}

const STARTED = temporal.api.enums.v1.PendingActivityState.PENDING_ACTIVITY_STATE_STARTED;
const SUCCEEDED = { status: 'succeeded', code: 'succeeded', message: 'All went well.' } as const;
const quiet = { announce: async () => undefined, verifyHint: async () => null };

describe('a stranger answers for the worker', () => {
  it('a preparation completed by id, which says that nobody need be asked, runs nothing', async () => {
    await withOurs(['executor', 'notary'], async () => {
      const { actionId } = await agent.request(PLAIN_EXPORT);
      const taken = { ...quiet, prepare: () => Promise.reject(new CompleteAsyncError()) };
      const outcome = await withStranger(TASK_QUEUES.worker, taken, async () => {
        await until(async () => (await handleOf(actionId).describe()).raw.pendingActivities?.[0]?.state === STARTED);
        const { runId } = await handleOf(actionId).describe();
        const id = { workflowId: workflowIdOf(actionId), runId, activityId: '1' };
        await stack.client.activity.complete(id, madeUp(actionId));
        return ((await handleOf(actionId).result()) as ConcludeResult).outcome;
      });
      expect(outcome).toMatchObject({ status: 'refused', code: 'statement_missing' });
      expect(await tracesOf(stack, actionId)).toEqual(NOTHING);
      expect(await refusalsOf(stack, actionId)).toEqual(['statement_missing']);
    });
  });

  it('a review that was reset and made up anew is not believed', async () => {
    const actionId = await withOurs(['worker'], () => hold());
    const { runId } = await handleOf(actionId).describe();
    const first = (await handleOf(actionId).fetchHistory()).events?.find(
      (event) => event.workflowTaskCompletedEventAttributes,
    );
    await withOurs(['executor'], () =>
      withStranger(TASK_QUEUES.worker, { ...quiet, prepare: async () => madeUp(actionId) }, async () => {
        await stack.client.workflowService.resetWorkflowExecution({
          namespace: stack.namespace,
          workflowExecution: { workflowId: workflowIdOf(actionId), runId },
          requestId: randomUUID(),
          workflowTaskFinishEventId: first?.eventId ?? null,
        });
        await until(async () => (await refusalsOf(stack, actionId)).includes('decisions_missing'));
        await handleOf(actionId).terminate();
      }),
    );
    expect(await tracesOf(stack, actionId)).toEqual(NOTHING);
  });
});

describe('a stranger answers for the executor', () => {
  it('a success that never was makes no receipt that says so', async () => {
    const run = async (): Promise<RunResult> => ({ kind: 'finished', outcome: SUCCEEDED });
    await withOurs(['worker', 'notary'], () =>
      withStranger(TASK_QUEUES.executor, { runUnderLease: run }, async () => {
        const actionId = await hold();
        await ben.decideOn(actionId, 'approve');
        const done = await agent.wait(actionId, { timeoutMs: 30_000 });
        expect(done).toMatchObject({ state: 'done', lease: 'none' });
        expect(done.outcome?.status).toMatch(/^(unknown|interrupted)$/);
        expect(await tracesOf(stack, actionId)).toEqual(NOTHING);
      }),
    );
  });

  it('an export that is completed by id while it runs is stopped, and its receipt does not say that it succeeded', async () => {
    await withOurs(['worker', 'executor', 'notary'], async () => {
      const actionId = await hold(LONG_EXPORT);
      await ben.decideOn(actionId, 'approve');
      await untilExporting(stack, actionId);
      const { runId, raw } = await handleOf(actionId).describe();
      const running = raw.pendingActivities?.find(({ activityType }) => activityType?.name === 'runUnderLease');
      const id = { workflowId: workflowIdOf(actionId), runId, activityId: running?.activityId ?? '' };
      const answer: RunResult = { kind: 'finished', outcome: SUCCEEDED };
      await stack.client.activity.complete(id, answer);
      const done = await agent.wait(actionId, { timeoutMs: 30_000 });
      expect(done.outcome?.status).toMatch(/^(unknown|failed|interrupted)$/);
      expect(done.lease).toBe('revoked');
      await until(async () => (await tracesOf(stack, actionId)).sessions === 0);
      expect(await tracesOf(stack, actionId)).toMatchObject(GONE);
    });
  });

  it.each<[string, unknown]>([
    ['nothing', null],
    ['an answer of no kind', { kind: 'whatever' }],
    ['a text', 'finished'],
  ])('%s for an answer runs nothing and ends the action', async (_, answer) => {
    await withOurs(['worker', 'notary'], () =>
      withStranger(TASK_QUEUES.executor, { runUnderLease: async () => answer }, async () => {
        const actionId = await hold();
        await ben.decideOn(actionId, 'approve');
        const done = await agent.wait(actionId, { timeoutMs: 30_000 });
        expect(done.outcome?.status).not.toBe('succeeded');
        expect(await tracesOf(stack, actionId)).toEqual(NOTHING);
        const history = await handleOf(actionId).fetchHistory();
        expect(activitiesIn(history, 'runUnderLease')).toBe(1);
      }),
    );
  });
});

describe('a stranger answers for the notary', () => {
  it('the workflow may be lied to; the record has no receipt of it, and the notary signs what is on record', async () => {
    const conclude = async (): Promise<ConcludeResult> => ({ outcome: SUCCEEDED, lease: 'revoked', told: true });
    const actionId = await withOurs(['worker'], () =>
      withStranger(TASK_QUEUES.notary, { conclude, sweep: async () => ({ ended: 0, failed: 0 }) }, async () => {
        const held = await hold();
        await ben.decideOn(held, 'deny', 'no');
        expect(await handleOf(held).result()).toMatchObject({ outcome: SUCCEEDED });
        return held;
      }),
    );
    expect((await agent.get(actionId)).receipt).toBeNull();
    const done = await withOurs(['notary', 'worker'], () =>
      untilView(agent, actionId, ({ receipt }) => receipt !== null),
    );
    expect(done.outcome).toMatchObject({ status: 'denied', code: 'denied_by_person' });
    expect(await tracesOf(stack, actionId)).toEqual(NOTHING);
  });
});
