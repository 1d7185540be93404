import type { BreakGlass, ReviewPlan } from '../core/schemas/action.js';
import { nameSchema } from '../core/schemas/primitives.js';
import type { Directory } from '../directory/directory.js';
import { formatDuration, parseDuration } from './duration.js';

/** Fewer are not two people. */
const LEAST_QUORUM = 2;
const REVIEW_WITHIN = { leastMs: 60_000, mostMs: 30 * 86_400_000 } as const;

const FORM = 'write groups with their quorum, the longest lease and the deadline of the review, e.g. "sre:2, 5m, 24h"';

/**
 * `sre:2, 5m, 24h`: group:quorum joined by &, the longest lease, and within which time the review is due.
 * @param report takes one sentence for each fault.
 * @returns null when there is a fault.
 */
export function readBreakGlass(text: string, report: (message: string) => null): BreakGlass | null {
  const [groups, lease, deadline, ...more] = text.split(',').map((part) => part.trim());
  const leaseMs = parseDuration(lease ?? '');
  const reviewWithinMs = parseDuration(deadline ?? '');
  if (groups === undefined || leaseMs === null || reviewWithinMs === null || more.length > 0)
    return report(`@breakglass is "${text}"; ${FORM}`);
  const stages: BreakGlass['stages'] = [];
  for (const part of groups.split('&').map((piece) => piece.trim())) {
    const [, group, count] = /^([^:\s]+)\s*:\s*(\d{1,2})$/.exec(part) ?? [];
    const quorum = Number(count);
    if (group === undefined || !nameSchema.safeParse(group).success || quorum > 20)
      return report(`@breakglass has "${part}"; ${FORM}`);
    if (quorum < LEAST_QUORUM)
      return report(
        `@breakglass asks for ${String(quorum)} of group "${group}"; nobody breaks the glass alone: ask for 2`,
      );
    if (stages.some((stage) => stage.group === group))
      return report(`@breakglass names group "${group}" twice: write it once with the larger quorum`);
    stages.push({ group, quorum });
  }
  if (leaseMs < 10_000 || leaseMs > 86_400_000)
    return report(`@breakglass lends for ${formatDuration(leaseMs)}; a lease lives from 10s to 1d`);
  if (reviewWithinMs < REVIEW_WITHIN.leastMs || reviewWithinMs > REVIEW_WITHIN.mostMs)
    return report(`@breakglass wants the review within ${formatDuration(reviewWithinMs)}; from 1m to 30d are possible`);
  return { stages: stages.sort(byGroup), leaseTtlSeconds: leaseMs / 1_000, reviewWithinMs };
}

/**
 * Groups of the plan of whom nobody might be left to review a broken glass, because all of them may have broken it. Such a
 * debt could never be paid.
 */
export function unpayable(
  { stages, breakGlass }: Pick<ReviewPlan, 'stages' | 'breakGlass'>,
  directory: Pick<Directory, 'membersOf'>,
): string[] {
  const breaking = (breakGlass?.stages ?? []).flatMap(({ group, quorum }) => [
    { members: directory.membersOf(group), quorum },
  ]);
  const places = breaking.reduce((sum, { quorum }) => sum + quorum, 0);
  return stages.flatMap(({ group }) => {
    const members = directory.membersOf(group);
    const mayBreak = members.filter((person) => breaking.some((stage) => stage.members.includes(person)));
    return members.length - Math.min(mayBreak.length, places) > 0 ? [] : [group];
  });
}

/**
 * Why the group that lets work go on again may leave nobody to review a broken glass where nobody else is left; null where it
 * leaves somebody. Reviewers may all be barred from an action, which is not known when a bundle loads.
 */
export function lackOfFallback(
  { stages }: BreakGlass,
  directory: Pick<Directory, 'membersOf' | 'unfreezeGroup'>,
): string | null {
  const group = directory.unfreezeGroup();
  if (group === null)
    return 'needs "unfreeze" in directory.yaml: its people review a broken glass where all other reviewers are barred';
  const breaking = new Set(stages.flatMap((stage) => directory.membersOf(stage.group)));
  if (directory.membersOf(group).some((person) => !breaking.has(person))) return null;
  return `may be broken by all of group "${group}", who review it where all other reviewers are barred: put somebody else into "${group}" (unfreeze in directory.yaml)`;
}

/**
 * What all of several plans offer together: nothing unless each that demands a review offers it; else every group with its
 * larger quorum, the shortest lease and the nearest deadline.
 */
export function sharedBreakGlass(plans: readonly ReviewPlan[]): BreakGlass | undefined {
  const offers = plans.filter(({ stages }) => stages.length > 0).map(({ breakGlass }) => breakGlass);
  const known = offers.filter((offer) => offer !== undefined);
  if (known.length === 0 || known.length < offers.length) return undefined;
  const quorums = new Map<string, number>();
  for (const { group, quorum } of known.flatMap(({ stages }) => stages))
    quorums.set(group, Math.max(quorum, quorums.get(group) ?? 0));
  return {
    stages: [...quorums].map(([group, quorum]) => ({ group, quorum })).sort(byGroup),
    // No longer than any of their leases, whose union is shorter than each.
    leaseTtlSeconds: Math.min(
      ...known.map(({ leaseTtlSeconds }) => leaseTtlSeconds),
      ...plans.map(({ leaseTtlSeconds }) => leaseTtlSeconds),
    ),
    reviewWithinMs: Math.min(...known.map(({ reviewWithinMs }) => reviewWithinMs)),
  };
}

/** `2 of sre break the glass, for 5m, reviewed within 24h`. */
export function describeBreakGlass({ stages, leaseTtlSeconds, reviewWithinMs }: BreakGlass): string {
  const who = stages.map(({ group, quorum }) => `${String(quorum)} of ${group}`).join(' and ');
  return `${who} can break the glass, for ${formatDuration(leaseTtlSeconds * 1_000)}, reviewed within ${formatDuration(reviewWithinMs)}`;
}

/** As the annotation writes it. */
export function writeBreakGlass({ stages, leaseTtlSeconds, reviewWithinMs }: BreakGlass): string {
  const groups = stages.map(({ group, quorum }) => `${group}:${String(quorum)}`).join(' & ');
  return [groups, formatDuration(leaseTtlSeconds * 1_000), formatDuration(reviewWithinMs)].join(', ');
}

function byGroup(one: { group: string }, other: { group: string }): number {
  return one.group < other.group ? -1 : one.group > other.group ? 1 : 0;
}
