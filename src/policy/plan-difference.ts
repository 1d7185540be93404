import type { ReviewPlan } from '../core/schemas/action.js';
import type { Difference } from '../core/schemas/difference.js';
import { writeBreakGlass } from './break-glass.js';
import { describeBudget } from './budgets.js';
import { formatDuration } from './duration.js';

/**
 * What policy demands now against what it demanded in the round before. Empty when nothing differs that decides who may
 * approve and what is lent; which policies say so, where people are told, when they are reminded or paged, does not.
 */
export function planDifference(before: ReviewPlan, now: ReviewPlan): Pick<Difference, 'plan'> {
  const was = termsOf(before);
  const differing = Object.entries(termsOf(now)).flatMap(([label, value]) => {
    const old = was[label as keyof typeof was];
    return old === value ? [] : [{ label, before: old, now: value }];
  });
  return differing.length === 0 ? {} : { plan: differing };
}

function termsOf(plan: ReviewPlan) {
  const { stages, escalations, expireAfterMs, leaseTtlSeconds, assurance, freeze, budgets, breakGlass } = plan;
  return {
    'Who must approve': listed(stages.map(({ quorum, group }) => `${String(quorum)} of ${group}`)),
    'Who may help after a while': listed(
      escalations.map(({ group, afterMs }) => `${group} after ${formatDuration(afterMs)}`),
    ),
    'Expires after': formatDuration(expireAfterMs),
    Lease: formatDuration(leaseTtlSeconds * 1_000),
    'How people decide': assurance === 'web' ? 'in the full view only, after a fresh sign-in' : 'in any channel',
    'An effect other than declared': freeze === undefined ? 'freezes nobody' : 'freezes the agent',
    'Who may break the glass': breakGlass === undefined ? 'nobody' : writeBreakGlass(breakGlass),
    Budget: budgets === undefined ? 'none' : listed(budgets.map(describeBudget)),
  };
}

// The largest plan has 20 groups; their names must fit into the statement.
function listed(parts: readonly string[]): string {
  return parts.length === 0 ? 'nobody' : parts.join(' and ').slice(0, 2_000);
}
