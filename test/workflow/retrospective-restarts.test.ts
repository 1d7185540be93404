import { fileURLToPath } from 'node:url';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TASK_QUEUES, type AnnounceInput } from '../../src/contracts/activities.js';
import { lookSignal, RETROSPECTIVE_REVIEW, type DebtStanding } from '../../src/contracts/retrospective.js';
import { retrospectiveIdOf } from '../../src/contracts/workflow-id.js';
import { newActionId } from '../support/signing.js';
import { startTimeSkipping } from '../support/workflow-environment.js';

const DAY_MS = 86_400_000;
let environment: TestWorkflowEnvironment;
let worker: Worker;
let running: Promise<void>;
let debt: DebtStanding;
const told: AnnounceInput[] = [];

beforeAll(async () => {
  environment = await startTimeSkipping();
  const codePath = fileURLToPath(new URL('../../dist/workflow-bundle.js', import.meta.url));
  worker = await Worker.create({
    connection: environment.nativeConnection,
    namespace: environment.namespace ?? 'default',
    taskQueue: TASK_QUEUES.worker,
    workflowBundle: { codePath },
    activities: { readDebt: async () => debt, announce: async (input: AnnounceInput) => void told.push(input) },
  });
  running = worker.run();
});
afterAll(async () => {
  worker.shutdown();
  await running;
  await environment.teardown();
});

// Whoever may write to the namespace can terminate it, and the notary starts it again within seconds, without its memory.
it('a review of a broken glass that is started again a month late tells so once, not for each day', async () => {
  const nowMs = await environment.currentTimeMs();
  debt = {
    ...{ kind: 'owed', title: 'Review of a broken glass', by: ['erin', 'fay'], open: ['dba'] },
    ...{ claimedAtMs: nowMs - 31 * DAY_MS, dueAtMs: nowMs - 30 * DAY_MS },
  };
  const actionId = newActionId();
  const handle = await environment.client.workflow.start(RETROSPECTIVE_REVIEW, {
    taskQueue: TASK_QUEUES.worker,
    workflowId: retrospectiveIdOf(actionId),
    args: [{ actionId }],
  });
  await environment.sleep('1 minute');
  const events = told.map(({ event }) => event);
  debt = { kind: 'paid', title: 'Review of a broken glass' };
  await handle.signal(lookSignal);
  await handle.result();
  expect(events).toEqual(['debt_overdue']);
});

// A forged start before the notary's: its id is taken (USE_EXISTING), so nobody is ever told.
it('a review that was started by a stranger who says that all was told tells of what is late all the same', async () => {
  told.length = 0;
  const nowMs = await environment.currentTimeMs();
  debt = {
    ...{ kind: 'owed', title: 'Review of a broken glass', by: ['erin', 'fay'], open: ['dba'] },
    ...{ claimedAtMs: nowMs - DAY_MS, dueAtMs: nowMs - 60_000 },
  };
  const actionId = newActionId();
  const handle = await environment.client.workflow.start(RETROSPECTIVE_REVIEW, {
    taskQueue: TASK_QUEUES.worker,
    workflowId: retrospectiveIdOf(actionId),
    args: [{ actionId, told: { reminders: 0, overdue: 9_000 } }],
  });
  await environment.sleep('2 days');
  const events = told.map(({ event }) => event);
  debt = { kind: 'paid', title: 'Review of a broken glass' };
  await handle.signal(lookSignal);
  await handle.result();
  expect(events).toContain('debt_overdue');
});
