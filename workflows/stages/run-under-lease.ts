import { proxyActivities } from '@temporalio/workflow';
import { TASK_QUEUES, type ExecuteActivities, type Prepared, type RunResult } from '../../src/contracts/activities.js';
import type { ReviewDesk } from './review-desk.js';

// What an execution may take beyond its lease: the synchronous revocation and its proof.
const AFTER_LEASE_MS = 60_000;

/** Recheck, lease, execute, revoke: one activity, in the executor. */
export async function runUnderLease(desk: ReviewDesk, prepared: Prepared): Promise<RunResult> {
  desk.showRunning();
  const leaseMs = prepared.plan.leaseTtlSeconds * 1000 + AFTER_LEASE_MS;
  const activities = proxyActivities<ExecuteActivities>({
    taskQueue: TASK_QUEUES.executor,
    startToCloseTimeout: leaseMs,
    // Not a business deadline (the executor itself lets nothing begin after the expiry): this ends the retries.
    scheduleToCloseTimeout: Math.max(prepared.expiresAtMs - Date.now(), 0) + leaseMs,
    heartbeatTimeout: '10 seconds',
    // The default, TRY_CANCEL, reports the activity cancelled while its lease lives on.
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '10 seconds' },
    summary: 'Recheck, lease, execute, revoke',
  });
  return activities.runUnderLease({ actionId: prepared.actionId, round: prepared.round });
}
