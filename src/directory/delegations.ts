import { z } from 'zod';
import { nameSchema } from '../core/schemas/primitives.js';
import type { Directory } from './directory.js';
import { suggest } from './nearest.js';
import type { Problem, YamlSource } from './yaml-source.js';

const DAY_MS = 86_400_000;
const LONGEST_DAYS = 90;

/** While somebody is away, another person holds their places in these groups: theirs, not both's. */
export const delegationSchema = z.strictObject({
  /** Who is away. */
  from: nameSchema,
  to: nameSchema,
  /** Default: all groups of the one who is away. */
  groups: z.array(nameSchema).min(1).max(50).optional(),
  begins: z.iso.datetime({ offset: true }),
  ends: z.iso.datetime({ offset: true }),
});
export type Delegation = z.infer<typeof delegationSchema>;

/** `delegations` of `directory.yaml`. */
export const delegationsSchema = z.array(delegationSchema).max(500).default([]);

type Groups = Readonly<Record<string, readonly string[]>>;

/**
 * The groups at a time: who is away is out of them, and whoever stands in is in. A delegation does not pass on what was
 * delegated to its giver, and gives nothing when its giver may not decide (`barred`): their word would be in it.
 * @param canonical one id for a human and their aliases.
 * @returns the same object when no delegation holds.
 */
export function groupsAt(
  groups: Groups,
  delegations: readonly Delegation[],
  { atMs, barred, canonical }: { atMs: number; barred: ReadonlySet<string>; canonical: (id: string) => string },
): Groups {
  const holding = holdingAt(delegations, atMs);
  if (holding.length === 0) return groups;
  return Object.fromEntries(
    Object.entries(groups).map(([group, members]) => {
      const given = holding.filter(
        ({ from, groups: only }) =>
          (only === undefined || only.includes(group)) && members.some((id) => canonical(id) === canonical(from)),
      );
      const away = new Set(given.map(({ from }) => canonical(from)));
      const standIns = given.filter(({ from }) => !barred.has(canonical(from))).map(({ to }) => to);
      return [group, [...members.filter((id) => !away.has(canonical(id))), ...standIns]];
    }),
  );
}

/** The delegations that hold at a time. */
export function holdingAt(delegations: readonly Delegation[], atMs: number): Delegation[] {
  return delegations.filter(({ begins, ends }) => Date.parse(begins) <= atMs && atMs < Date.parse(ends));
}

/** An approval, as far as the directory judges it. */
interface Spoken {
  person: string;
  decidedAtMs: number;
}

/**
 * The groups that each approval of one review speaks for, in their order. One place is one word: what somebody gave counts
 * for nothing once they have approved themselves, or an earlier one could only approve in their place.
 * @param review `barred`: canonical people who may not decide on the action; `deciding`: groups whose people may.
 */
export function groupsSpokenFor(
  directory: Pick<Directory, 'at' | 'canonical' | 'standsInFor'>,
  approvals: readonly Spoken[],
  { barred, deciding }: { barred: readonly string[]; deciding: readonly string[] },
): string[][] {
  const people = approvals.map(({ person }) => directory.canonical(person));
  const spent = new Set<string>();
  return approvals.map(({ decidedAtMs }, index) => {
    const person = people[index] ?? '';
    const others = people.filter((other) => other !== person);
    const groupsWithout = (givers: readonly string[]): string[] =>
      directory.at(decidedAtMs, [...barred, ...others, ...spent, ...givers]).groupsOf(person);
    const mayWithout = (givers: readonly string[]): boolean =>
      groupsWithout(givers).some((group) => deciding.includes(group));
    const groups = groupsWithout([]);
    const givers = directory.standsInFor(person, decidedAtMs);
    if (!mayWithout(givers)) {
      const used = givers.find((giver) => mayWithout(givers.filter((other) => other !== giver)));
      if (used !== undefined) spent.add(used);
    }
    return groups;
  });
}

interface File {
  people: readonly { id: string }[];
  groups: Groups;
  delegations: readonly Delegation[];
}

/** What is wrong with the delegations of a directory file. */
export function checkDelegations(
  { people, groups, delegations }: File,
  canonical: (id: string) => string,
  yaml: Pick<YamlSource<unknown>, 'problem'>,
): Problem[] {
  const ids = people.map(({ id }) => id);
  return delegations.flatMap((delegation, index) => {
    const { from, to, begins, ends } = delegation;
    const problem = (field: string, message: string): Problem => yaml.problem(['delegations', index, field], message);
    const strangers = (['from', 'to'] as const).filter((side) => !ids.includes(delegation[side]));
    if (strangers.length > 0) {
      return strangers.map((side) =>
        problem(
          side,
          `"${delegation[side]}" is not among the people; ${suggest(delegation[side], ids, 'the directory')}`,
        ),
      );
    }
    if (canonical(from) === canonical(to))
      return [problem('to', `"${to}" is the same human as "${from}": name another`)];
    const spanMs = Date.parse(ends) - Date.parse(begins);
    if (spanMs <= 0) return [problem('ends', 'a delegation must end after it begins')];
    if (spanMs > LONGEST_DAYS * DAY_MS)
      return [problem('ends', `a delegation lasts at most ${String(LONGEST_DAYS)} days: for longer, change the group`)];
    const twice = delegations.slice(0, index).find((earlier) => givesTheSame(earlier, delegation, canonical));
    if (twice !== undefined)
      return [problem('to', `"${from}" gives the same places to "${twice.to}" at that time: one place would be two`)];
    return (delegation.groups ?? []).flatMap((group) => {
      if (!Object.hasOwn(groups, group))
        return [
          problem('groups', `group "${group}" is unknown; ${suggest(group, Object.keys(groups), 'the directory')}`),
        ];
      const isMember = groups[group]?.some((id) => canonical(id) === canonical(from)) === true;
      return isMember
        ? []
        : [problem('groups', `"${from}" is not in group "${group}": nobody gives what is not theirs`)];
    });
  });
}

/** Whether two delegations give places of one person at one time: both stand-ins together would fill a quorum of two. */
function givesTheSame(one: Delegation, other: Delegation, canonical: (id: string) => string): boolean {
  return (
    canonical(one.from) === canonical(other.from) &&
    canonical(one.to) !== canonical(other.to) &&
    Date.parse(one.begins) < Date.parse(other.ends) &&
    Date.parse(other.begins) < Date.parse(one.ends) &&
    (one.groups === undefined ||
      other.groups === undefined ||
      one.groups.some((group) => other.groups?.includes(group)))
  );
}
