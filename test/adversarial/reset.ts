import { randomUUID } from 'node:crypto';
import type { temporal } from '@temporalio/proto';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import type { Stack } from '../support/stack.js';
import { until } from '../support/until.js';
import type { History } from './history.js';

export type ResetPoint = 'before the approval' | 'after the approval';

/**
 * Resets to a workflow task's completion: what that task decided is forgotten, later signals and updates are re-applied.
 * @returns the new run's id.
 */
export async function resetTo(stack: Stack, actionId: string, point: ResetPoint): Promise<string> {
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
  if (answer.runId === runId) throw new Error('the reset started no new run');
  return answer.runId;
}

/** The first task that ended after `prepare` had, or after the executor had been asked. */
function taskAt({ events }: History, point: ResetPoint): temporal.api.history.v1.IHistoryEvent['eventId'] | undefined {
  const list = events ?? [];
  const passed =
    point === 'before the approval'
      ? list.findIndex((event) => event.activityTaskCompletedEventAttributes)
      : list.findIndex((event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'runUnderLease');
  return passed < 0
    ? undefined
    : list.slice(passed).find((event) => event.workflowTaskCompletedEventAttributes)?.eventId;
}
