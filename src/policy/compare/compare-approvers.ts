import { canonicalJson } from '../../core/json.js';
import { fillersOf } from './answers.js';
import type { Findings } from './cases.js';
import type { Case, Cell } from './compare-answers.js';
import type { Answer, Effect } from './comparison.js';
import { together } from './effects.js';
import { concerns, looksOf } from './rules.js';
import type { Side } from './scopes.js';

/** Who may fill the places of plans, before and after. */
export interface ApproverComparison {
  /** Of the plans that both sides have: whether more people, or fewer, may fill the same group's places. */
  effect: Effect;
  gained: string[];
  lost: string[];
  before: string[];
  after: string[];
}

/** Compares who may approve in each case of a cell. People are compared by entry, so that an alias hides nobody. */
export function compareApprovers(cell: Cell, cases: readonly Case[]): ApproverComparison {
  const [before, after] = [fillers(cell, 'before'), fillers(cell, 'after')];
  const people = {
    gained: new Set<string>(),
    lost: new Set<string>(),
    before: new Set<string>(),
    after: new Set<string>(),
  };
  const effects = new Set<Effect>();
  // A case that was refused, or asked nobody, is told among the demands: it gives a person a right of no other kind.
  const reviewedTwice = cases.filter((each) => each.before.kind === 'reviewed' && each.after.kind === 'reviewed');
  for (const { findings, ...answers } of reviewedTwice.length > 0 ? reviewedTwice : cases) {
    const was = before(answers.before, findings);
    const now = after(answers.after, findings);
    for (const person of flat(was)) people.before.add(cell.before.policy.directory.canonical(person));
    for (const person of flat(now)) people.after.add(cell.after.policy.directory.canonical(person));
    for (const person of [...missingFrom(flat(was), flat(now)), ...grown(was, now)]) people.gained.add(person);
    for (const person of [...missingFrom(flat(now), flat(was)), ...grown(now, was)]) people.lost.add(person);
    if (grown(was, now).length > 0) effects.add('loosening');
    if (grown(now, was).length > 0) effects.add('tightening');
  }
  const sorted = (set: ReadonlySet<string>): string[] => [...set].sort();
  return {
    effect: together(effects),
    gained: sorted(people.gained),
    lost: sorted(people.lost),
    before: sorted(people.before),
    after: sorted(people.after),
  };
}

type Filled = ReadonlyMap<string, ReadonlySet<string>>;

/** Entries of the directory that may fill a place, by group; none where nobody is asked. */
function fillers(
  { operation, agents, targets, approvers, ...sides }: Cell,
  name: 'before' | 'after',
): (answer: Answer, findings: Findings) => Filled {
  const side: Side = sides[name];
  const target = targets[name];
  const { policy, rules } = side;
  const looks = looksOf([...rules.values()].filter((rule) => concerns(rule, 'approve', operation)));
  const entries = entriesByHuman(side);
  const known = new Map<string, boolean>();
  return (answer, findings) => {
    if (answer.kind !== 'reviewed' || target === undefined) return new Map();
    // What no rule about approving looks at makes no other answer.
    const seen = {
      flags: looks.flags ? findings.map(({ code }) => code) : [],
      severity: looks.severity ? (findings[0]?.severity ?? null) : null,
    };
    const filled = fillersOf(policy.directory, answer.plan, (person) => {
      const key = canonicalJson([person, seen]);
      const isKnown = known.has(key);
      // Then there are more cases than could be compared, and all of it counts as a loosening.
      if (!isKnown && approvers.left <= 0) return false;
      if (!isKnown) approvers.left -= 1;
      const may =
        known.get(key) ??
        policy.mayApprove({ agent: agents.names[0] ?? '', operation, target, flags: findings, nowMs: 0, person })
          .allowed;
      known.set(key, may);
      return may;
    });
    return new Map(
      [...filled].map(([group, people]) => [group, new Set(people.flatMap((person) => entries.get(person) ?? []))]),
    );
  };
}

/** Every entry of a human, by their canonical id. */
function entriesByHuman({ policy: { directory } }: Side): Map<string, string[]> {
  const entries = new Map<string, string[]>();
  for (const { id } of directory.people()) {
    const human = directory.canonical(id);
    entries.set(human, [...(entries.get(human) ?? []), id]);
  }
  return entries;
}

/** Who fills places of a group that they did not, though the other side's plan has the group too. */
function grown(some: Filled, others: Filled): string[] {
  return [...others].flatMap(([group, people]) => missingFrom(some.get(group) ?? people, people));
}

function flat(filled: Filled): Set<string> {
  return new Set([...filled.values()].flatMap((people) => [...people]));
}

function missingFrom(some: ReadonlySet<string>, others: ReadonlySet<string>): string[] {
  return [...others].filter((person) => !some.has(person));
}
