import type { ReviewPlan } from '../core/schemas/action.js';
import type { Barred, Directory } from '../directory/directory.js';

/** Somebody who breaks the glass, and when they said so: then it holds whose voice they had. */
export interface Breaker {
  person: string;
  decidedAtMs: number;
}

/** Whom to ask, and at which time, where somebody must review a broken glass. */
export interface Asked {
  directory: Directory;
  /** Canonical people who may not review it, as `excludedFromReview` tells. */
  excluded: ReadonlyMap<string, string>;
  nowMs: number;
}

/** Canonical people who may not review a broken glass, each with the reason: barred, gave their voice to a breaker, or broke it. */
export function excludedFromReview(
  directory: Directory,
  { barred, breakers }: { barred: readonly Barred[]; breakers: readonly Breaker[] },
): Map<string, string> {
  const excluded = new Map<string, string>();
  for (const { person, because } of barred) excluded.set(directory.canonical(person), because);
  for (const { person, decidedAtMs } of breakers) {
    // Whoever broke it in somebody's place gave that one's word, too.
    for (const giver of directory.standsInFor(person, decidedAtMs))
      excluded.set(directory.canonical(giver), `${person} broke the glass in their place`);
  }
  for (const { person } of breakers) excluded.set(directory.canonical(person), 'broke the glass');
  return excluded;
}

/**
 * Canonical people who speak for a group of the plan: its members but for those excluded. Where nobody is left, those of the
 * group that lets work go on again: a debt that nobody can pay would shut the glass for ever.
 */
export function payersOf(group: string, { directory, excluded, nowMs }: Asked): string[] {
  const present = directory.at(nowMs, [...excluded.keys()]);
  const membersOf = (name: string): string[] =>
    (directory.hasGroup(name) ? present.membersOf(name) : []).filter((person) => !excluded.has(person));
  const members = membersOf(group);
  const unfreezers = directory.unfreezeGroup();
  return members.length > 0 || unfreezers === null ? members : membersOf(unfreezers);
}

/** Why the glass is not broken: nobody would be left to review that for some group of the plan. Null where somebody is. */
export function lackOfPayers(
  { stages }: Pick<ReviewPlan, 'stages'>,
  asked: Asked,
): { code: 'glass_unreviewable'; message: string } | null {
  const left = stages.map(({ group }) => group).filter((group) => payersOf(group, asked).length === 0);
  if (left.length === 0) return null;
  return {
    code: 'glass_unreviewable',
    message:
      `The glass cannot be broken: nobody would be left to review it afterwards for ${left.join(' and ')}. All who could are barred ` +
      'from this action, broke the glass, or gave their voice to somebody who did; and so is the group that lets work go on.',
  };
}

interface Member {
  person: string;
  groups: readonly string[];
}

/**
 * Whether some of those who may break the glass fill its places, and somebody is left for each group of the plan.
 * @param people not barred; with all groups of theirs.
 * @param fills whether these people break it.
 */
export function leavesPayers<Person extends Member>(
  { stages }: Pick<ReviewPlan, 'stages'>,
  people: readonly Person[],
  { fallback, fills }: { fallback: string | null; fills: (people: readonly Person[]) => boolean },
): boolean {
  const next = stages[0];
  if (next === undefined) return fills(people);
  const speaksFor = ({ groups }: Member, group: string): boolean =>
    groups.includes(group) || (fallback !== null && groups.includes(fallback));
  const tried = new Set<string>();
  return people.some((candidate) => {
    if (!speaksFor(candidate, next.group)) return false;
    // Who are in the same groups are as good as each other.
    const kind = candidate.groups.join();
    if (tried.has(kind)) return false;
    tried.add(kind);
    const others = people.filter((one) => one !== candidate);
    const rest = stages.filter(({ group }) => !speaksFor(candidate, group));
    return leavesPayers({ stages: rest }, others, { fallback, fills });
  });
}
