import { countGlass, countQuorum } from '../core/quorum.js';
import type { ReviewPlan } from '../core/schemas/action.js';
import type { Directory } from '../directory/directory.js';
import { leavesPayers } from './payers.js';

/**
 * Whether the people who remain after separation of duties could fill a plan: at once, only with the help of
 * escalation groups, only by breaking the glass (such that somebody is left to review that), or never. A review that can't be completed is announced when it opens, not when it expires.
 */
export function fillableBy(
  plan: ReviewPlan,
  barred: readonly string[],
  directory: Directory,
): 'now' | 'after_escalation' | 'by_breaking_glass' | 'never' {
  const escalations = plan.escalations.map(({ group }) => group);
  const groups = [...[...plan.stages, ...(plan.breakGlass?.stages ?? [])].map(({ group }) => group), ...escalations];
  const fallback = directory.unfreezeGroup();
  const people = new Set(
    [...groups, ...(fallback === null ? [] : [fallback])].flatMap((group) => directory.membersOf(group)),
  );
  const approvals = [...people]
    .filter((person) => !barred.includes(person))
    .map((person) => ({ person, groups: directory.groupsOf(person) }));
  if (countQuorum(plan, approvals, []).filled) return 'now';
  if (countQuorum(plan, approvals, escalations).filled) return 'after_escalation';
  const fills = (some: readonly { person: string; groups: string[] }[]): boolean =>
    countGlass(
      plan,
      some.map((approval) => ({ ...approval, breakGlass: true })),
    )?.filled === true;
  return leavesPayers(plan, approvals, { fallback, fills }) ? 'by_breaking_glass' : 'never';
}
