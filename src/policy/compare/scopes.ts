import * as cedar from '../cedar.js';
import { canonicalJson } from '../../core/json.js';
import type { TargetRef } from '../../core/schemas/action.js';
import type { Agent } from '../../directory/directory.js';
import type { ComparableBundle } from './comparison.js';
import { rulesOf, type Rule } from './rules.js';

/** One bundle, with its rules read. */
export interface Side extends ComparableBundle {
  rules: ReadonlyMap<string, Rule>;
  /** What its schema says, whatever the wording. */
  schema: string;
  /** Its operations, each with the Cedar types of the targets that it is about. */
  operations: ReadonlyMap<string, ReadonlySet<string>>;
  /** Names of agents and targets that a rule, on either side, tells apart from their like. */
  named: ReadonlySet<string>;
}

/** Agents or targets that no rule of either bundle tells apart, before or after. */
export interface Alike<T> {
  /** Sorted. */
  names: string[];
  /** One of them as each bundle lists it; undefined where it does not. */
  before: T | undefined;
  after: T | undefined;
  /** Whether each bundle lists them with all that decides the same. */
  isSame: boolean;
}

/** Reads the rules of two bundles that load. */
export function sidesOf(before: ComparableBundle, after: ComparableBundle): [Side, Side] {
  const rules = [rulesOf(before), rulesOf(after)] as const;
  const named = namesIn(rules.flatMap((all) => [...all.values()]));
  return [sideOf(before, rules[0], named), sideOf(after, rules[1], named)];
}

function sideOf(
  { policy, files }: ComparableBundle,
  rules: ReadonlyMap<string, Rule>,
  named: ReadonlySet<string>,
): Side {
  const text = files.get('schema.cedarschema')?.text ?? '';
  const answer = cedar.schemaToJson(text);
  // The bundle has loaded, so its schema was read.
  if (answer.type === 'failure') throw new Error('sidesOf: a schema that Cedar does not read');
  const operations = Object.entries(answer.json['']?.actions ?? {})
    .filter(([name]) => !/^(request|approve)(:|$)/.test(name))
    .map(([name, action]) => [name, new Set<string>(action.appliesTo?.resourceTypes ?? [])] as const);
  return { policy, files, rules, named, schema: canonicalJson(answer.json), operations: new Map(operations) };
}

/** Agents of both bundles, those together that are treated alike. */
export function alikeAgents(before: Side, after: Side): Alike<Agent>[] {
  return alike({
    names: [before, after].flatMap(({ policy }) => policy.directory.agents().map(({ id }) => id)),
    find: (id, { policy }) => policy.directory.agent(id),
    describe: (agent, side) => {
      const canonical = (ids: readonly string[]): string[] =>
        [...new Set(ids.map((id) => side.policy.directory.canonical(id)))].sort();
      return {
        groups: [...new Set(agent.groups)].sort(),
        owner: canonical([agent.owner]),
        prompters: canonical(agent.prompters),
        ...(side.named.has(agent.id) && { id: agent.id }),
      };
    },
    sides: [before, after],
  });
}

/** Targets of both bundles, those together that are treated alike. */
export function alikeTargets(before: Side, after: Side): Alike<TargetRef>[] {
  return alike({
    names: [before, after].flatMap(({ policy }) => policy.targets().map(({ name }) => name)),
    find(name, { policy }) {
      const target = policy.target(name);
      return target && { kind: target.kind, name, environment: target.environment };
    },
    describe: ({ kind, name, environment }, side) => ({ kind, environment, ...(side.named.has(name) && { name }) }),
    sides: [before, after],
  });
}

/** Every id that rules write down. */
function namesIn(rules: Iterable<Rule>): Set<string> {
  const names = new Set<string>();
  const collect = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { type, id } = value as { type?: unknown; id?: unknown };
    if (typeof type === 'string' && typeof id === 'string') names.add(id);
    for (const inner of Object.values(value)) collect(inner);
  };
  for (const { json } of rules) collect({ ...json, annotations: {} });
  return names;
}

interface Gathering<T> {
  names: readonly string[];
  find(name: string, side: Side): T | undefined;
  /** All of it that policy can look at. */
  describe(found: T, side: Side): object;
  sides: readonly [Side, Side];
}

function alike<T>({ names, find, describe, sides }: Gathering<T>): Alike<T>[] {
  const classes = new Map<string, Alike<T>>();
  for (const name of [...new Set(names)].sort()) {
    const [before, after] = sides.map((side) => find(name, side));
    const looks = sides.map((side) => {
      const found = find(name, side);
      return found === undefined ? 'absent' : canonicalJson(describe(found, side));
    });
    const key = looks.join('\0');
    const known = classes.get(key);
    if (known === undefined) classes.set(key, { names: [name], before, after, isSame: looks[0] === looks[1] });
    else known.names.push(name);
  }
  return [...classes.values()];
}
