import { randomUUID } from 'node:crypto';
import type { temporal } from '@temporalio/proto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CountersignGateway } from '../../src/client/index.js';
import { reviewStateQuery } from '../../src/contracts/workflow.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { agentOf, personAt, PLAIN_EXPORT, until as untilView, type PersonAtGateway } from '../support/actors.js';
import { startStack, type Stack } from '../support/stack.js';
import { until } from '../support/until.js';
import { untilJudged, type History } from './history.js';
import { NOTHING, refusalsOf, statementsOf, tracesOf } from './traces.js';

let stack: Stack;
let agent: CountersignGateway;
let ben: PersonAtGateway;

beforeAll(async () => {
  stack = await startStack({ processes: ['worker', 'notary', 'gateway'] });
  agent = agentOf(stack);
  ben = await personAt(stack, 'ben');
});
afterAll(async () => {
  await stack.close();
});

async function approve(): Promise<string> {
  const { actionId } = await agent.request(PLAIN_EXPORT);
  await untilView(agent, actionId, ({ state }) => state === 'waiting');
  await ben.decideOn(actionId, 'approve');
  return actionId;
}

type Point = 'before the approval' | 'after the approval';

/** Resets to a workflow task's completion: what that task decided is forgotten, later signals and updates are re-applied. */
async function reset(actionId: string, point: Point): Promise<string> {
  const handle = stack.client.workflow.getHandle(workflowIdOf(actionId));
  const { runId } = await handle.describe();
  await until(async () => taskAt(await handle.fetchHistory(), point) !== undefined);
  const answer = await stack.client.workflowService.resetWorkflowExecution({
    namespace: stack.namespace,
    workflowExecution: { workflowId: workflowIdOf(actionId), runId },
    reason: 'attack',
    requestId: randomUUID(),
    workflowTaskFinishEventId: taskAt(await handle.fetchHistory(), point) ?? null,
  });
  expect(answer.runId).not.toBe(runId);
  return answer.runId;
}

/** The first task that ended after `prepare` had, or after the executor had been asked. */
function taskAt({ events = [] }: History, point: Point): temporal.api.history.v1.IHistoryEvent['eventId'] | undefined {
  const list = events ?? [];
  const passed =
    point === 'before the approval'
      ? list.findIndex((event) => event.activityTaskCompletedEventAttributes)
      : list.findIndex((event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'runUnderLease');
  return passed < 0 ? undefined : list.slice(passed).find((event) => event.workflowTaskCompletedEventAttributes)?.eventId;
}

function reviewOf(actionId: string) {
  return stack.client.workflow.getHandle(workflowIdOf(actionId)).query(reviewStateQuery);
}

describe('a reset before the action ran', () => {
  it('leads back to the review; the approval of the old run counts neither as update nor as signal', async () => {
    const actionId = await approve();
    const [decided] = (await statementsOf(stack, 'decision')).filter((decision) => decision.actionId === actionId);
    await stack.client.workflow.getHandle(workflowIdOf(actionId)).signal('decide', decided?.envelope);
    const runId = await reset(actionId, 'before the approval');
    await untilJudged(stack.client.workflow.getHandle(workflowIdOf(actionId), runId), 1);
    expect(await reviewOf(actionId)).toMatchObject({ phase: 'waiting', round: 1, approvals: [] });

    const executor = await stack.start('executor');
    expect(await tracesOf(stack, actionId)).toEqual(NOTHING);
    expect(await ben.decideOn(actionId, 'approve')).toMatchObject({ state: 'filled' });
    expect(await agent.wait(actionId, { timeoutMs: 30_000 })).toMatchObject({ outcome: { status: 'succeeded' } });
    expect(await tracesOf(stack, actionId)).toMatchObject({ claims: 1, effects: 1, leases: 1 });
    await executor.stop();
  });

  it('is asked again in another round when the executor had been asked already', async () => {
    const actionId = await approve();
    await reset(actionId, 'after the approval');
    const executor = await stack.start('executor');
    const again = await untilView(agent, actionId, ({ round, state }) => round === 2 && state === 'waiting');
    expect(again.reopened?.code).toBe('decisions_missing');
    expect(again.decisions.filter(({ current }) => current)).toEqual([]);
    expect(await refusalsOf(stack, actionId)).toEqual(['decisions_missing']);
    expect(await tracesOf(stack, actionId)).toEqual(NOTHING);

    await until(async () => (await reviewOf(actionId)).phase === 'waiting');
    expect(await ben.decideOn(actionId, 'approve')).toMatchObject({ state: 'filled' });
    expect(await agent.wait(actionId, { timeoutMs: 30_000 })).toMatchObject({ outcome: { status: 'succeeded' } });
    expect(await tracesOf(stack, actionId)).toMatchObject({ claims: 1, effects: 1, leases: 1 });
    await executor.stop();
  });
});

describe('a reset after the action ran', () => {
  it.each<Point>(['before the approval', 'after the approval'])('to %s runs nothing again', async (point) => {
    const executor = await stack.start('executor');
    const actionId = await approve();
    const done = await agent.wait(actionId, { timeoutMs: 30_000 });
    const handle = stack.client.workflow.getHandle(workflowIdOf(actionId));
    await handle.result();
    const before = await tracesOf(stack, actionId);
    expect(before).toMatchObject({ claims: 1, effects: 1, leases: 1, tokens: 0, users: 0 });

    await reset(actionId, point);
    if (point === 'after the approval') {
      expect(await handle.result()).toMatchObject({ outcome: done.outcome, lease: 'revoked' });
    } else {
      await until(async () => (await reviewOf(actionId)).phase === 'waiting');
      await expect(ben.decideOn(actionId, 'approve')).rejects.toMatchObject({ code: 'action_closed' });
      await handle.terminate();
    }
    expect(await tracesOf(stack, actionId)).toEqual(before);
    expect((await agent.get(actionId)).receipt).toEqual(done.receipt);
    await executor.stop();
  });
});
