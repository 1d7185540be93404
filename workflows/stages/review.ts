import { condition, proxyActivities } from '@temporalio/workflow';
import { TASK_QUEUES, type AnnounceActivities, type Prepared } from '../../src/contracts/activities.js';
import type { Announcer } from './announce.js';
import type { Ended } from './ended.js';
import type { ReviewDesk } from './review-desk.js';
import { reviewTimers, type ReviewTimer } from './review-timers.js';

type Verdict = { kind: 'filled'; broken: boolean } | Extract<Ended, { kind: 'not_run' }>;

/** Waits, minutes or weeks, until people have decided or time has: reminds, pages, escalates, expires. */
export async function holdReview(desk: ReviewDesk, prepared: Prepared, announcer: Announcer): Promise<Verdict> {
  if (prepared.plan.stages.length === 0) return { kind: 'filled', broken: false };
  announcer.tell(prepared.round === 1 ? 'opened' : 'reopened');
  if (prepared.fillable === 'never') {
    const message = 'Too few people remain who may decide, after separation of duties. Policy must name more.';
    return { kind: 'not_run', status: 'refused', code: 'quorum_unfillable', message };
  }
  const timers = reviewTimers(prepared);
  for (;;) {
    const next = timers[0];
    if (next === undefined) return expired();
    const woken = await condition(() => desk.hasNews(), Math.max(next.atMs - Date.now(), 1), { summary: next.summary });
    if (woken) {
      await judgeHints(desk, prepared);
      const verdict = verdictOf(desk);
      if (verdict !== null) {
        announcer.tell(verdict.kind === 'filled' && verdict.broken ? 'glass_broken' : 'decided');
        return verdict;
      }
      if (desk.takeChange()) announcer.tell('decided');
      continue;
    }
    timers.shift();
    if (next.kind === 'expire') return expired();
    await fire(next, desk, prepared, announcer);
    // An escalation may let an approval that is already here fill a place.
    const verdict = verdictOf(desk);
    if (verdict !== null) return verdict;
  }
}

async function fire(timer: ReviewTimer, desk: ReviewDesk, prepared: Prepared, announcer: Announcer): Promise<void> {
  if (timer.kind === 'remind') announcer.tell('reminded');
  if (timer.kind === 'page') announcer.tell('paged');
  if (timer.kind === 'escalate') {
    const { actionId, round } = prepared;
    await recordActivities(`Escalate to ${timer.group}`).recordEscalation({
      actionId,
      round,
      group: timer.group,
      afterMs: timer.afterMs,
    });
    desk.escalateTo(timer.group);
    announcer.tell('escalated');
  }
}

/** Decisions that came as signals count only after an activity has verified them. */
async function judgeHints(desk: ReviewDesk, prepared: Prepared): Promise<void> {
  for (let hint = desk.takeHint(); hint !== undefined; hint = desk.takeHint()) {
    const { actionId, actionDigest } = prepared;
    const decision = await recordActivities('Verify a signalled decision').verifyHint({
      actionId,
      actionDigest,
      envelope: hint.envelope,
    });
    if (decision !== null) desk.count(decision);
  }
}

function verdictOf(desk: ReviewDesk): Verdict | null {
  const { denied, withdrawn, filled } = desk.standing();
  if (withdrawn !== null)
    return { kind: 'not_run', status: 'withdrawn', code: 'withdrawn_by_agent', message: withdrawn };
  if (denied !== null) {
    return {
      kind: 'not_run',
      status: 'denied',
      code: 'denied_by_person',
      message: `Denied by ${denied.person}: ${denied.reason}`,
    };
  }
  return filled === null ? null : { kind: 'filled', broken: filled === 'broken' };
}

function expired(): Verdict {
  return {
    kind: 'not_run',
    status: 'expired',
    code: 'expired',
    message: 'Nobody completed the review in time. Expiry means denied.',
  };
}

function recordActivities(summary: string): Pick<AnnounceActivities, 'recordEscalation' | 'verifyHint'> {
  return proxyActivities<AnnounceActivities>({
    taskQueue: TASK_QUEUES.worker,
    startToCloseTimeout: '30 seconds',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' },
    summary,
  });
}
