import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ScheduleDescription } from '@temporalio/client';
import { startNotary } from '../../apps/notary/notary.js';
import { scheduleSweep, SWEEP_SCHEDULE_ID } from '../../apps/notary/sweep-schedule.js';
import { parseConfig } from '../../src/config/common.js';
import { notaryConfigSchema } from '../../src/config/notary.js';
import { startStack, type Stack, type StartedProcess } from '../support/stack.js';
import { until } from '../support/until.js';

let stack: Stack;
let notary: StartedProcess;

beforeAll(async () => {
  stack = await startStack({ processes: ['worker'] });
  notary = await startWith('1');
});
afterAll(async () => {
  await notary.stop();
  await stack.close();
});

async function startWith(sweepSeconds: string): Promise<StartedProcess> {
  const environment = await stack.place.environmentOf('notary');
  return startNotary(parseConfig(notaryConfigSchema, { ...environment, COUNTERSIGN_SWEEP_SECONDS: sweepSeconds }));
}

function described(): Promise<ScheduleDescription> {
  return stack.client.schedule.getHandle(SWEEP_SCHEDULE_ID).describe();
}

async function intervals(): Promise<number[] | undefined> {
  return (await described()).spec.intervals?.map(({ every }) => every);
}

it('fires by itself, and its workflow ends with what the sweep did', async () => {
  expect(await intervals()).toEqual([1_000]);
  await until(async () => (await described()).info.recentActions.length > 0);
  const [fired] = (await described()).info.recentActions;
  const { workflowId, firstExecutionRunId } = fired?.action.workflow ?? { workflowId: '', firstExecutionRunId: '' };
  expect(workflowId).toMatch(/^countersign-sweep-/);
  const run = stack.client.workflow.getHandle(workflowId, firstExecutionRunId);
  expect(await run.result()).toEqual({ ended: 0, failed: 0 });
});

it('takes the interval of a notary that starts with another one, once or twice at a time', async () => {
  await notary.stop();
  notary = await startWith('2');
  expect(await intervals()).toEqual([2_000]);
  await Promise.all([scheduleSweep(stack.client, 3), scheduleSweep(stack.client, 3)]);
  expect(await intervals()).toEqual([3_000]);
});

it('stays paused, with the reason, and is not touched when its interval is the same', async () => {
  const schedule = stack.client.schedule.getHandle(SWEEP_SCHEDULE_ID);
  await schedule.pause('Vault is being moved');
  await scheduleSweep(stack.client, 4);
  const paused = await described();
  expect(paused).toMatchObject({
    spec: { intervals: [{ every: 4_000 }] },
    state: { paused: true, note: 'Vault is being moved' },
    policies: { overlap: 'SKIP' },
    action: { type: 'startWorkflow', workflowType: 'sweepLeases' },
  });
  await scheduleSweep(stack.client, 4);
  expect((await described()).info.lastUpdatedAt).toEqual(paused.info.lastUpdatedAt);
});
