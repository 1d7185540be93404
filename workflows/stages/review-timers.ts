import type { Prepared } from '../../src/contracts/activities.js';

export type ReviewTimer =
  | { kind: 'remind' | 'page'; atMs: number; summary: string }
  | { kind: 'escalate'; atMs: number; group: string; afterMs: number; summary: string }
  | { kind: 'expire'; atMs: number; summary: string };

const MAX_REMINDERS = 12;

/** All that time will do in a review, soonest first; the last one is always the expiry. */
export function reviewTimers(prepared: Prepared): ReviewTimer[] {
  const { plan, openedAtMs, expiresAtMs } = prepared;
  const timers: ReviewTimer[] = plan.escalations.map(({ afterMs, group }) => ({
    kind: 'escalate',
    atMs: openedAtMs + afterMs,
    group,
    afterMs,
    summary: `Escalate to ${group}`,
  }));
  for (
    let count = 1, atMs = openedAtMs, waitMs = plan.remindAfterMs;
    waitMs !== null && count <= MAX_REMINDERS;
    count += 1
  ) {
    atMs += waitMs;
    // Each wait is twice the last, so that a long review does not become noise.
    waitMs *= 2;
    timers.push({ kind: 'remind', atMs, summary: `Reminder ${count}` });
  }
  if (plan.pageAfterMs !== undefined)
    timers.push({ kind: 'page', atMs: openedAtMs + plan.pageAfterMs, summary: 'Page who is on call' });
  const inTime = timers.filter((timer) => timer.atMs < expiresAtMs);
  inTime.sort((one, other) => one.atMs - other.atMs);
  return [...inTime, { kind: 'expire', atMs: expiresAtMs, summary: 'Expiry: then denied' }];
}
