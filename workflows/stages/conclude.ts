import { log, proxyActivities } from '@temporalio/workflow';
import {
  TASK_QUEUES,
  type AnnounceActivities,
  type ConcludeActivities,
  type ConcludeResult,
} from '../../src/contracts/activities.js';
import type { PrivilegedActionResult } from '../../src/contracts/workflow.js';
import type { Ended } from './ended.js';
import type { ReviewDesk } from './review-desk.js';

/**
 * Ends what is left of the leases, signs the receipt, tells everyone. When a lease can't be proven ended at once,
 * the outcome is announced all the same and the proof is sought for ever; a closing receipt follows.
 */
export async function conclude(desk: ReviewDesk, actionId: string, ended: Ended): Promise<PrivilegedActionResult> {
  desk.showClosing();
  const first = await concludeWith('Close the lease, sign the receipt').conclude({ actionId, ended, closing: false });
  if (first.lease !== 'open') return close(desk, actionId, first);
  desk.showOverdue(first.outcome);
  return close(desk, actionId, await concludeWith('Prove the revocation').conclude({ actionId, ended, closing: true }));
}

async function close(desk: ReviewDesk, actionId: string, result: ConcludeResult): Promise<PrivilegedActionResult> {
  const { outcome, lease } = result;
  desk.showDone({ outcome, lease });
  if (!result.told) await tellTheEnd(actionId);
  return { actionId, outcome, lease };
}

/** A channel was away at the end: it is told for an hour more; the record has it in any case. */
async function tellTheEnd(actionId: string): Promise<void> {
  const activities = proxyActivities<AnnounceActivities>({
    taskQueue: TASK_QUEUES.worker,
    startToCloseTimeout: '1 minute',
    scheduleToCloseTimeout: '1 hour',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
    summary: 'Tell the channels: concluded',
  });
  try {
    await activities.announce({ actionId, event: 'concluded', number: 0 });
  } catch (error) {
    log.warn('A channel was not told the end', { error: String(error) });
  }
}

function concludeWith(summary: string): ConcludeActivities {
  return proxyActivities<ConcludeActivities>({
    taskQueue: TASK_QUEUES.notary,
    startToCloseTimeout: '2 minutes',
    heartbeatTimeout: '20 seconds',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
    summary,
  });
}
