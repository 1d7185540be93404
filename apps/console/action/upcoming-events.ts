import type { Action } from '../api/types.js';

export interface UpcomingEvent {
  atMs: number;
  sentence: string;
}

/** What happens by itself while nobody decides, the soonest first. */
export function upcomingEvents({ state, plan, openedAtMs, expiresAtMs, escalated }: Action): UpcomingEvent[] {
  if (state !== 'waiting' || plan === null || openedAtMs === null) return [];
  const fired = new Set(escalated.map(({ group }) => group));
  const escalations = plan.escalations
    .filter(({ group }) => !fired.has(group))
    .map(({ group, afterMs }) => ({
      atMs: openedAtMs + afterMs,
      sentence: `Escalates: people of ${group} may fill a place too`,
    }));
  const expiry = { atMs: expiresAtMs, sentence: 'Expires, which means denied' };
  return [...escalations.filter(({ atMs }) => atMs < expiresAtMs), expiry].sort((a, b) => a.atMs - b.atMs);
}
