import type { ReviewPlan } from '../core/schemas/action.js';
import { canonicalJson } from '../core/json.js';
import { describeBreakGlass, sharedBreakGlass } from './break-glass.js';
import { allBudgets, describeBudget } from './budgets.js';
import { formatDuration } from './duration.js';
import { DEFAULT_PLACE } from '../directory/places.js';

/**
 * What all of several plans demand together. It never lets anyone approve whom one of them would not:
 * per group the larger quorum; an escalation only if every reviewed plan has that group, at the latest of their times;
 * reminder, page, expiry and lease the shortest; automatic only if all are; a fresh sign-in and a freeze if one of them says so;
 * people are told in all places of all of them; every budget of any of them holds; the glass may be broken only if every
 * reviewed plan offers that, by all the groups of all of them.
 * @throws RangeError for no plans: nothing demanded is not the same as nothing known.
 */
export function strictestUnion(plans: readonly ReviewPlan[]): ReviewPlan {
  if (plans.length === 0) throw new RangeError('strictestUnion: at least one plan is needed');
  const quorums = new Map<string, number>();
  for (const stage of plans.flatMap((plan) => plan.stages)) {
    quorums.set(stage.group, Math.max(stage.quorum, quorums.get(stage.group) ?? 0));
  }
  const pages = plans.flatMap((plan) => plan.pageAfterMs ?? []);
  const budgets = allBudgets(plans.map((plan) => plan.budgets));
  const breakGlass = sharedBreakGlass(plans);
  const reminders = plans.flatMap((plan) => plan.remindAfterMs ?? []);
  return {
    stages: [...quorums].map(([group, quorum]) => ({ group, quorum })).sort(byGroup),
    escalations: sharedEscalations(plans),
    remindAfterMs: reminders.length === 0 ? null : Math.min(...reminders),
    ...(pages.length > 0 && { pageAfterMs: Math.min(...pages) }),
    expireAfterMs: Math.min(...plans.map((plan) => plan.expireAfterMs)),
    leaseTtlSeconds: Math.min(...plans.map((plan) => plan.leaseTtlSeconds)),
    assurance: plans.some((plan) => plan.assurance === 'web') ? 'web' : 'any',
    ...(plans.some((plan) => plan.freeze !== undefined) && { freeze: 'effect_mismatch' as const }),
    ...(budgets !== undefined && { budgets }),
    ...(breakGlass !== undefined && { breakGlass }),
    ...(plans.some((plan) => plan.notify !== undefined) && { notify: allPlaces(plans) }),
    policies: [...new Set(plans.flatMap((plan) => plan.policies))].sort(),
  };
}

/**
 * Whether what was approved still satisfies the plan now: together they demand nothing beyond what was approved.
 * Which policies say so, where people are told, when they are reminded or paged, does not matter.
 */
export function isNoStricter(now: ReviewPlan, approved: ReviewPlan): boolean {
  return demands(strictestUnion([now, approved])) === demands(strictestUnion([approved]));
}

/** The plan in one line for people. */
export function describePlan(plan: ReviewPlan): string {
  const freeze = plan.freeze === undefined ? '' : '; an effect other than declared freezes the agent';
  const budgets = plan.budgets === undefined ? '' : `; at most ${plan.budgets.map(describeBudget).join(' and ')}`;
  const lease = `lease ${formatDuration(plan.leaseTtlSeconds * 1_000)}${freeze}${budgets}`;
  const expiry = formatDuration(plan.expireAfterMs);
  if (plan.stages.length === 0) return `Automatic, without review; must begin within ${expiry}; ${lease}.`;
  const reviewers = plan.stages.map((stage) => `${String(stage.quorum)} of ${stage.group}`).join(' and ');
  const parts = [`Needs ${reviewers}`];
  if (plan.escalations.length > 0) {
    const steps = plan.escalations.map(({ group, afterMs }) => `${group} after ${formatDuration(afterMs)}`);
    parts.push(`escalates to ${steps.join(', ')}`);
  }
  if (plan.remindAfterMs !== null) parts.push(`reminds after ${formatDuration(plan.remindAfterMs)}`);
  if (plan.pageAfterMs === 0) parts.push('pages at once');
  else if (plan.pageAfterMs !== undefined) parts.push(`pages after ${formatDuration(plan.pageAfterMs)}`);
  if (plan.assurance === 'web') parts.push('decided in the full view only, after a fresh sign-in');
  const glass = plan.breakGlass === undefined ? [] : [describeBreakGlass(plan.breakGlass)];
  return `${[...parts, `expires after ${expiry}`, lease, ...glass].join('; ')}.`;
}

function demands(plan: ReviewPlan): string {
  return canonicalJson({ ...plan, remindAfterMs: null, pageAfterMs: 0, notify: [], policies: [] });
}

/** A plan that names no place means the configured one: another plan's places do not take it away. */
function allPlaces(plans: readonly ReviewPlan[]): string[] {
  return [...new Set(plans.flatMap(({ notify }) => notify ?? [DEFAULT_PLACE]))].sort();
}

function sharedEscalations(plans: readonly ReviewPlan[]): ReviewPlan['escalations'] {
  // An automatic plan lets it run without anyone, so it narrows no one out of helping with a reviewed one.
  const reviewed = plans.filter((plan) => plan.stages.length > 0).map(earliestByGroup);
  const [first, ...others] = reviewed;
  if (first === undefined) return [];
  const shared = [...first].flatMap(([group, afterMs]) => {
    const times = others.map((other) => other.get(group));
    const known = times.filter((time) => time !== undefined);
    return known.length < times.length ? [] : [{ group, afterMs: Math.max(afterMs, ...known) }];
  });
  return shared.sort((a, b) => a.afterMs - b.afterMs || byGroup(a, b));
}

function earliestByGroup(plan: ReviewPlan): Map<string, number> {
  const earliest = new Map<string, number>();
  for (const { group, afterMs } of plan.escalations) {
    earliest.set(group, Math.min(afterMs, earliest.get(group) ?? afterMs));
  }
  return earliest;
}

function byGroup(a: { group: string }, b: { group: string }): number {
  return a.group < b.group ? -1 : a.group > b.group ? 1 : 0;
}
