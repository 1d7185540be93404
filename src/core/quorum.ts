import type { ReviewPlan } from './schemas/action.js';

/** A person's approval, as far as counting goes. */
export interface Approval {
  person: string;
  groups: readonly string[];
  /** Whether it breaks the glass; absent: it does not. */
  breakGlass?: boolean;
}

/** How far a review has come. */
export interface QuorumState {
  filled: boolean;
  /** Places still open, by stage. */
  open: { group: string; places: number }[];
}

/**
 * Counts approvals against a plan. Each place needs a different person, and a person fills one place only,
 * however many groups they are in; a member of an escalated group may fill one place of any stage.
 * People are matched to places as well as possible (bipartite matching), so the order of arrival never matters.
 */
export function countQuorum(
  plan: Pick<ReviewPlan, 'stages'>,
  approvals: readonly Approval[],
  escalatedGroups: readonly string[],
): QuorumState {
  const places = plan.stages.flatMap((stage) => Array.from({ length: stage.quorum }, () => stage.group));
  const people = distinctPeople(approvals);
  const holder = new Array<number | undefined>(places.length);

  const fits = (person: Approval, group: string): boolean =>
    person.groups.includes(group) || escalatedGroups.some((escalated) => person.groups.includes(escalated));

  const seat = (index: number, tried: Set<number>): boolean => {
    const person = people[index];
    if (person === undefined) return false;
    for (const [place, group] of places.entries()) {
      if (tried.has(place) || !fits(person, group)) continue;
      tried.add(place);
      const current = holder[place];
      if (current === undefined || seat(current, tried)) {
        holder[place] = index;
        return true;
      }
    }
    return false;
  };
  for (const index of people.keys()) seat(index, new Set());

  const openByGroup = new Map<string, number>();
  for (const [place, group] of places.entries()) {
    if (holder[place] === undefined) openByGroup.set(group, (openByGroup.get(group) ?? 0) + 1);
  }
  const open = [...openByGroup].map(([group, count]) => ({ group, places: count }));
  return { filled: open.length === 0, open };
}

/**
 * Counts those approvals that break the glass against what the plan offers for it. Nobody helps out by an escalation, and an
 * approval without the mark never counts. @returns null when the plan offers no such thing.
 */
export function countGlass({ breakGlass }: ReviewPlan, approvals: readonly Approval[]): QuorumState | null {
  if (breakGlass === undefined) return null;
  return countQuorum(
    breakGlass,
    approvals.filter((approval) => approval.breakGlass === true),
    [],
  );
}

function distinctPeople(approvals: readonly Approval[]): Approval[] {
  const byPerson = new Map<string, Set<string>>();
  for (const approval of approvals) {
    const groups = byPerson.get(approval.person) ?? new Set<string>();
    for (const group of approval.groups) groups.add(group);
    byPerson.set(approval.person, groups);
  }
  // By name: of several best matchings, which places stay open must not depend on who came first.
  return [...byPerson.entries()]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([person, groups]) => ({ person, groups: [...groups] }));
}
