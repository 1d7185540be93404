import { ActivityFailure, ApplicationFailure, proxyActivities } from '@temporalio/workflow';
import { TASK_QUEUES, type PrepareActivities, type Prepared, type Reopened } from '../../src/contracts/activities.js';
import type { Envelope } from '../../src/core/dsse.js';

/**
 * Admit, preview and policy. A refusal fails the workflow with the refusal's own code as type, not with a bare
 * activity failure, so that the agent's client sees the reason.
 */
export async function prepare(request: Envelope, round: number, reopened: Reopened | null): Promise<Prepared> {
  const activities = proxyActivities<PrepareActivities>({
    taskQueue: TASK_QUEUES.worker,
    startToCloseTimeout: '2 minutes',
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    heartbeatTimeout: '20 seconds',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' },
    summary: round === 1 ? 'Admit, preview, policy' : `Admit, preview, policy (round ${round})`,
  });
  try {
    return await activities.prepare({ request, round, reopened });
  } catch (error) {
    if (error instanceof ActivityFailure && error.cause instanceof ApplicationFailure && error.cause.nonRetryable) {
      throw error.cause;
    }
    throw error;
  }
}
