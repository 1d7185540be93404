import { parse } from 'yaml';
import { canonicalJson } from '../../core/json.js';
import type { Agent, Person } from '../../directory/directory.js';
import type { Policy } from '../policy.js';
import type { ComparableBundle, Effect, PartChange, PartName } from './comparison.js';
import type { Side } from './scopes.js';

type Fields = Readonly<Record<string, unknown>>;

/** What differs beside the rules: people, agents, targets, and all else that the bundle's files hold. */
export function compareParts(before: Side, after: Side): PartChange[] {
  return [
    ...comparePeople(before, after),
    ...compareHumans(before, after),
    ...compareGroups(before, after),
    ...compareAgents(before, after),
    ...compareTargets(before, after),
    ...compareDirectorySettings(before, after),
    ...compareSchema(before, after),
    ...compareBundleFile(before, after),
    ...compareOtherFiles(before, after),
  ];
}

/** What a field of an entry comes to when it changes; `of` tells the note for people. */
interface FieldRule {
  effect: Effect | ((before: unknown, after: unknown) => Effect);
  why: string;
}

const NOT_JUDGED: FieldRule = {
  effect: 'loosening',
  why: 'what it decides cannot be judged here, so it counts as a loosening',
};

const appearsOrChanges = (before: unknown, after: unknown): Effect =>
  after === undefined ? 'tightening' : before === undefined ? 'loosening' : 'loosening';

const PERSON_FIELDS: Readonly<Record<string, FieldRule>> = {
  name: { effect: 'neutral', why: 'only shown' },
  quietHours: { effect: 'neutral', why: 'only when they are reminded' },
  email: { effect: 'loosening', why: 'on-call services name people by it' },
  oidcSubject: { effect: 'loosening', why: 'whoever signs in under it is this person' },
  slack: { effect: appearsOrChanges, why: 'whoever uses that account is this person' },
  teams: { effect: appearsOrChanges, why: 'whoever uses that account is this person' },
};

function comparePeople(before: Side, after: Side): PartChange[] {
  return compareEntries<Person>({
    part: 'people',
    before: new Map(before.policy.directory.people().map((person) => [person.id, person])),
    after: new Map(after.policy.directory.people().map((person) => [person.id, person])),
    added: { effect: 'loosening', why: 'is a person who may sign in' },
    removed: { effect: 'tightening', why: 'is no person of the directory any more' },
    // Who is whom is compared as a whole.
    field: (name) => (name === 'aliases' ? null : (PERSON_FIELDS[name] ?? NOT_JUDGED)),
  });
}

/** Aliases work through each other: what counts is which entries are one human. */
function compareHumans({ policy: was }: Side, { policy: now }: Side): PartChange[] {
  const all = now.directory
    .people()
    .map(({ id }) => id)
    .filter((id) => was.directory.person(id) !== undefined);
  const [humansBefore, humansAfter] = [humansOf(was, all), humansOf(now, all)];
  // There are thousands of people, and few of them have another entry.
  const ids = all.filter((id) => humansBefore.get(id) !== humansAfter.get(id));
  const changes: PartChange[] = [];
  for (const [index, one] of ids.entries()) {
    for (const other of ids.slice(index + 1)) {
      const wereOne = was.directory.canonical(one) === was.directory.canonical(other);
      const areOne = now.directory.canonical(one) === now.directory.canonical(other);
      if (wereOne === areOne) continue;
      const note = areOne
        ? `${one} and ${other} are one person now: each may do what the other may, and they count once.`
        : `${one} and ${other} are two people now: what bars one of them bars the other no more, and they count twice.`;
      changes.push({ part: 'people', name: one, field: 'aliases', effect: areOne ? 'both' : 'loosening', note });
    }
  }
  return changes;
}

/** Of each entry, all entries of the same human among these. */
function humansOf({ directory }: Policy, ids: readonly string[]): Map<string, string> {
  const entries = new Map<string, string[]>();
  for (const id of ids) entries.set(directory.canonical(id), [...(entries.get(directory.canonical(id)) ?? []), id]);
  return new Map(ids.map((id) => [id, (entries.get(directory.canonical(id)) ?? []).sort().join(' ')]));
}

function compareGroups(before: Side, after: Side): PartChange[] {
  const [was, now] = [groupsIn(before), groupsIn(after)];
  return [...new Set([...was.keys(), ...now.keys()])].sort().flatMap((group) => {
    const [old, fresh] = [was.get(group) ?? [], now.get(group) ?? []];
    const change = (effect: Effect, note: string): PartChange => ({
      part: 'groups',
      name: group,
      field: '',
      effect,
      note,
    });
    const joined = fresh
      .filter((id) => !old.includes(id))
      .map((id) => change('loosening', `${id} is in group ${group} now.`));
    const left = old
      .filter((id) => !fresh.includes(id))
      .map((id) => change('tightening', `${id} is not in group ${group} any more.`));
    const isNew = !was.has(group) ? [change('neutral', `Group ${group} is new.`)] : [];
    const isGone = !now.has(group) ? [change('neutral', `There is no group ${group} any more.`)] : [];
    return [...isNew, ...isGone, ...joined, ...left];
  });
}

/** Entries as they are listed: an alias that joins is said by its own name. */
function groupsIn(side: Side): Map<string, string[]> {
  const { groups = {} } = readFile(side, 'directory.yaml') as { groups?: Readonly<Record<string, string[]>> };
  return new Map(Object.entries(groups));
}

const AGENT_FIELDS: Readonly<Record<string, FieldRule>> = {
  name: { effect: 'neutral', why: 'only shown' },
  owner: { effect: 'both', why: 'the owner is barred from approving what it does; who was is barred no more' },
  publicKey: { effect: 'loosening', why: 'whoever holds that key speaks as this agent' },
  jwt: { effect: 'loosening', why: 'whoever holds such a token speaks as this agent' },
};

function compareAgents(before: Side, after: Side): PartChange[] {
  const [was, now] = [before, after].map(
    ({ policy }) => new Map(policy.directory.agents().map((agent) => [agent.id, agent])),
  );
  if (was === undefined || now === undefined) return [];
  const changes = compareEntries<Agent>({
    part: 'agents',
    before: was,
    after: now,
    added: { effect: 'loosening', why: 'may speak to Countersign' },
    removed: { effect: 'tightening', why: 'is no agent of the directory any more' },
    field: (name) => (name === 'groups' || name === 'prompters' ? null : (AGENT_FIELDS[name] ?? NOT_JUDGED)),
  });
  const lists = [...now].flatMap(([id, agent]) => {
    const old = was.get(id);
    return old === undefined ? [] : [...comparePrompters(old, agent), ...compareAgentGroups(old, agent)];
  });
  return [...changes, ...lists];
}

function comparePrompters({ prompters: was }: Agent, { id, prompters: now }: Agent): PartChange[] {
  const change = (effect: Effect, note: string): PartChange => ({
    part: 'agents',
    name: id,
    field: 'prompters',
    effect,
    note,
  });
  return [
    ...now
      .filter((person) => !was.includes(person))
      .map((person) => change('both', `${person} may prompt ${id} now, and is barred from approving what it does.`)),
    ...was
      .filter((person) => !now.includes(person))
      .map((person) =>
        change('loosening', `${person} is not listed as able to prompt ${id} any more, and not barred for that.`),
      ),
  ];
}

function compareAgentGroups({ groups: was }: Agent, { id, groups: now }: Agent): PartChange[] {
  const change = (effect: Effect, note: string): PartChange => ({
    part: 'agents',
    name: id,
    field: 'groups',
    effect,
    note,
  });
  return [
    ...now
      .filter((group) => !was.includes(group))
      .map((group) => change('loosening', `${id} is in group ${group} of agents now.`)),
    ...was
      .filter((group) => !now.includes(group))
      .map((group) => change('tightening', `${id} is not in group ${group} of agents any more.`)),
  ];
}

const TARGET_FIELDS: Readonly<Record<string, FieldRule>> = {
  owners: { effect: 'neutral', why: 'only shown' },
  environment: { effect: 'both', why: 'the rules of the new environment hold for it' },
};

function compareTargets(before: Side, after: Side): PartChange[] {
  const byName = ({ policy }: Side): Map<string, object> =>
    new Map(policy.targets().map((target) => [target.name, target]));
  return compareEntries({
    part: 'targets',
    before: byName(before),
    after: byName(after),
    added: { effect: 'loosening', why: 'is something that agents may act on' },
    removed: { effect: 'tightening', why: 'is no target any more' },
    field: (name) => TARGET_FIELDS[name] ?? NOT_JUDGED,
  });
}

interface Entries<T extends object> {
  part: PartName;
  before: ReadonlyMap<string, T>;
  after: ReadonlyMap<string, T>;
  added: { effect: Effect; why: string };
  removed: { effect: Effect; why: string };
  /** Null: compared elsewhere. */
  field(name: string): FieldRule | null;
}

function compareEntries<T extends object>({ part, before, after, added, removed, field }: Entries<T>): PartChange[] {
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((name): PartChange[] => {
    const [was, now] = [before.get(name), after.get(name)];
    if (was === undefined)
      return [{ part, name, field: '', effect: added.effect, note: `${name} is new and ${added.why}.` }];
    if (now === undefined) return [{ part, name, field: '', effect: removed.effect, note: `${name} ${removed.why}.` }];
    return differingFields(was, now).flatMap(([key, old, fresh]) => {
      const rule = field(key);
      if (rule === null) return [];
      const effect = typeof rule.effect === 'function' ? rule.effect(old, fresh) : rule.effect;
      return [{ part, name, field: key, effect, note: `${key}: ${shown(old)} → ${shown(fresh)} (${rule.why}).` }];
    });
  });
}

/** Of `directory.yaml`, beside people, groups and agents. What this version does not know counts as a loosening. */
const SETTINGS: Readonly<Record<string, { part: PartName; rule: FieldRule }>> = {
  unfreeze: {
    part: 'unfreeze',
    rule: { effect: appearsOrChanges, why: 'its people may let a frozen agent act again' },
  },
  delegations: {
    part: 'delegations',
    rule: { effect: 'both', why: 'while somebody is away another person holds their places' },
  },
  onCall: { part: 'onCall', rule: { effect: 'loosening', why: 'it decides who is asked and paged first' } },
  places: {
    part: 'places',
    rule: {
      effect: (was) => (was === undefined ? 'neutral' : 'loosening'),
      why: 'it decides who gets to know of an action',
    },
  },
};

function compareDirectorySettings(before: Side, after: Side): PartChange[] {
  const [was, now] = [readFile(before, 'directory.yaml'), readFile(after, 'directory.yaml')];
  return differingFields(was, now).flatMap(([name, old, fresh]) => {
    if (name === 'people' || name === 'groups' || name === 'agents') return [];
    const { part, rule } = SETTINGS[name] ?? { part: 'settings' as const, rule: NOT_JUDGED };
    return itemsOf(old, fresh).flatMap(({ key, was: one, now: other }) => {
      const effect = typeof rule.effect === 'function' ? rule.effect(one, other) : rule.effect;
      return [
        {
          part,
          name: part === 'settings' ? name : key,
          field: '',
          effect,
          note: `${shown(one)} → ${shown(other)} (${rule.why}).`,
        },
      ];
    });
  });
}

/** The entries of a list or a map that are on one side only; a single value is its own entry. */
function itemsOf(before: unknown, after: unknown): { key: string; was: unknown; now: unknown }[] {
  if (Array.isArray(before ?? []) && Array.isArray(after ?? [])) {
    const keyed = (list: unknown): Map<string, unknown> =>
      new Map(((list ?? []) as unknown[]).map((item) => [canonicalJson(item), item]));
    const [was, now] = [keyed(before), keyed(after)];
    return [
      ...[...was].filter(([key]) => !now.has(key)).map(([, item]) => ({ key: '', was: item, now: undefined })),
      ...[...now].filter(([key]) => !was.has(key)).map(([, item]) => ({ key: '', was: undefined, now: item })),
    ];
  }
  if (isFields(before ?? {}) && isFields(after ?? {})) {
    return differingFields((before ?? {}) as Fields, (after ?? {}) as Fields).map(([key, was, now]) => ({
      key,
      was,
      now,
    }));
  }
  return [{ key: '', was: before, now: after }];
}

function compareSchema(before: Side, after: Side): PartChange[] {
  if (before.schema === after.schema) return [];
  const change = (effect: Effect, note: string, name = ''): PartChange => ({
    part: 'schema',
    name,
    field: '',
    effect,
    note,
  });
  const come = [...after.operations.keys()].filter((name) => !before.operations.has(name));
  const gone = [...before.operations.keys()].filter((name) => !after.operations.has(name));
  return [
    ...come.map((name) => change('loosening', `Operation ${name} is new.`, name)),
    ...gone.map((name) => change('tightening', `There is no operation ${name} any more.`, name)),
    change(
      'loosening',
      'The schema says something else; what that allows cannot be judged here, so it counts as a loosening.',
    ),
  ];
}

function compareBundleFile(before: Side, after: Side): PartChange[] {
  return differingFields(readFile(before, 'bundle.yaml'), readFile(after, 'bundle.yaml')).flatMap(
    ([name, old, fresh]) => {
      // Its place in the chain is checked where bundles are accepted.
      if (name === 'number' || name === 'previous') return [];
      const note = `${name}: ${shown(old)} → ${shown(fresh)} (${NOT_JUDGED.why}).`;
      return [{ part: 'bundle' as const, name, field: '', effect: 'loosening' as const, note }];
    },
  );
}

const KNOWN_FILES = new Set(['bundle.yaml', 'directory.yaml', 'targets.yaml', 'schema.cedarschema']);

function compareOtherFiles({ files: was }: Side, { files: now }: Side): PartChange[] {
  return [...new Set([...was.keys(), ...now.keys()])].sort().flatMap((name): PartChange[] => {
    if (KNOWN_FILES.has(name) || name.endsWith('.cedar') || was.get(name)?.text === now.get(name)?.text) return [];
    return [
      { part: 'settings', name, field: '', effect: 'loosening', note: `File ${name} differs (${NOT_JUDGED.why}).` },
    ];
  });
}

function readFile({ files }: ComparableBundle, name: string): Fields {
  // It has loaded: its keys are unique, and the library is slow at finding that.
  return parse(files.get(name)?.text ?? '{}', { maxAliasCount: 20, uniqueKeys: false }) as Fields;
}

function differingFields(before: object, after: object): [name: string, before: unknown, after: unknown][] {
  const [was, now] = [before as Fields, after as Fields];
  return [...new Set([...Object.keys(was), ...Object.keys(now)])]
    .filter((key) => plain(was[key]) !== plain(now[key]))
    .map((key) => [key, was[key], now[key]]);
}

function plain(value: unknown): string {
  return value === undefined ? '' : canonicalJson(value);
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  if (value === undefined) return 'none';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
