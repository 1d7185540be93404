import { ActivityFailure, ApplicationFailure, log, proxyActivities } from '@temporalio/workflow';
import {
  TASK_QUEUES,
  type AnnounceActivities,
  type ConcludeActivities,
  type ConcludeInput,
  type ConcludeResult,
} from '../../src/contracts/activities.js';
import type { PrivilegedActionResult } from '../../src/contracts/workflow.js';
import type { Ended } from './ended.js';
import type { ReviewDesk } from './review-desk.js';

// After this the operator is told that the end is late; the notary goes on trying for ever.
const LATE_AFTER = '20 seconds';

/**
 * Ends what is left of the leases, signs the receipt, tells everyone. When a lease can't be proven ended at once,
 * the outcome is announced all the same and the proof is sought for ever; a closing receipt follows.
 */
export async function conclude(desk: ReviewDesk, actionId: string, ended: Ended): Promise<PrivilegedActionResult> {
  desk.showClosing();
  const first = await concludeFirst(desk, { actionId, ended, closing: false });
  if (first.lease !== 'open') return close(desk, actionId, first);
  desk.showOverdue(first.outcome);
  return close(desk, actionId, await concludeWith('Prove the revocation').conclude({ actionId, ended, closing: true }));
}

/** While Vault is away not even the receipt can be signed: then the display alone tells that the end is late. */
async function concludeFirst(desk: ReviewDesk, input: ConcludeInput): Promise<ConcludeResult> {
  const summary = 'Close the lease, sign the receipt';
  try {
    return await concludeWith(summary, LATE_AFTER).conclude(input);
  } catch (error) {
    const cause = error instanceof ActivityFailure ? error.cause : error;
    if (cause instanceof ApplicationFailure && cause.nonRetryable) throw error;
    desk.showOverdue(null);
    return concludeWith(summary).conclude(input);
  }
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

function concludeWith(summary: string, within?: typeof LATE_AFTER): ConcludeActivities {
  return proxyActivities<ConcludeActivities>({
    taskQueue: TASK_QUEUES.notary,
    ...(within === undefined ? {} : { scheduleToCloseTimeout: within }),
    startToCloseTimeout: '2 minutes',
    heartbeatTimeout: '20 seconds',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
    summary,
  });
}
