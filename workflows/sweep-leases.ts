import { proxyActivities } from '@temporalio/workflow';
import { TASK_QUEUES, type ConcludeActivities } from '../src/contracts/activities.js';

/** One pass over the leases; started by a Temporal Schedule so that operators see it run. */
export async function sweepLeases(): Promise<{ ended: number; failed: number }> {
  const { sweep } = proxyActivities<ConcludeActivities>({
    taskQueue: TASK_QUEUES.notary,
    startToCloseTimeout: '1 minute',
    // The next pass comes by itself.
    retry: { maximumAttempts: 1 },
    summary: 'End leases that no live run holds',
  });
  return sweep();
}
