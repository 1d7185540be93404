import { Refusal } from '../../core/errors.js';
import { visibleJson, visibleLine } from '../../core/visible-text.js';
import { leavesAfter, leavesBefore, SENSITIVE, type Leaf } from './leaves.js';
import { INFRA_LIMITS, type InfraApplyParams } from './params.js';
import type { Change, Plan, Values } from './plan-json.js';

export interface Counts {
  create: number;
  change: number;
  replace: number;
  destroy: number;
  forget: number;
  import: number;
  move: number;
  read: number;
}

export function countChanges({ changes }: Pick<Plan, 'changes'>): Counts {
  const counts: Counts = { create: 0, change: 0, replace: 0, destroy: 0, forget: 0, import: 0, move: 0, read: 0 };
  for (const { kind, importId } of changes) {
    counts[kind] += 1;
    if (importId !== null && kind !== 'import') counts.import += 1;
  }
  return counts;
}

/**
 * The plan as people approve it: every change with every attribute that is set or differs, sensitive values masked.
 * Resources of one block that are treated alike share the lines that are the same for all.
 * @throws Refusal `content_too_large`: a plan that people cannot read whole is not shown in part.
 */
export function renderPlan(plan: Plan, params: InfraApplyParams): string {
  const sections = [heading(plan, params), ...groupsOf(plan.changes).map((group) => renderGroup(group))];
  if (plan.outputs.length > 0) {
    const entries = plan.outputs.flatMap(({ name, value }) => entriesOf(value, 'change', visibleLine(name)));
    sections.push(['@@ outputs @@', ...entries].join('\n'));
  }
  for (const group of groupsOf(plan.drift)) sections.push(renderGroup(group, 'changed outside of OpenTofu: '));
  const text = sections.join('\n\n');
  // The text travels as JSON, in which each line break and quote takes two characters.
  const length = JSON.stringify(text).length;
  if (length <= INFRA_LIMITS.contentChars && Buffer.byteLength(text) <= INFRA_LIMITS.contentChars) return text;
  const message = `The plan takes ${length.toLocaleString('en-US')} characters to show; people are shown at most ${INFRA_LIMITS.contentChars.toLocaleString('en-US')}, and never a part. Split the change.`;
  throw new Refusal('content_too_large', message, 'params.source');
}

/** One line for people. */
export function sentenceOf(counts: Counts): string {
  const words: [number, string][] = [
    [counts.create, 'to create'],
    [counts.change, 'to change'],
    [counts.replace, 'to replace'],
    [counts.destroy, 'to destroy'],
    [counts.forget, 'to forget'],
    [counts.import, 'to import'],
    [counts.move, 'to move'],
    [counts.read, 'to read'],
  ];
  const [create, change, replace, destroy, ...more] = words.map(
    ([count, what]) => `${count.toLocaleString('en-US')} ${what}`,
  );
  const rare = more.filter((_, index) => (words[index + 4]?.[0] ?? 0) > 0);
  return [create, change, replace, destroy, ...rare].join(', ');
}

function heading(plan: Plan, { source, variables = {}, destroy = false }: InfraApplyParams): string {
  const from =
    source.kind === 'git'
      ? `Source: commit ${source.commit} of ${visibleLine(source.repository)}`
      : `Source: tarball ${source.sha256}`;
  const set = Object.entries(variables).map(
    ([name, value]) => `  ${name} = ${visibleJson(value).replaceAll(/\n */g, ' ')}`,
  );
  return [
    `Plan: ${sentenceOf(countChanges(plan))}${destroy ? ' (destroys the whole workspace)' : ''}`,
    `${from}${source.folder === undefined ? '' : `, folder ${source.folder}`}`,
    ...(set.length === 0 ? [] : ['Variables that the request sets:', ...set.sort()]),
  ].join('\n');
}

/** Instances of one block that are treated alike, in the plan's order. */
function groupsOf(changes: readonly Change[]): Change[][] {
  const groups = new Map<string, Change[]>();
  for (const change of changes) {
    const { module, mode, type, name, kind, reason, replacePaths, createFirst, importId, deposed, previousAddress } =
      change;
    const single = importId !== null || deposed !== null || previousAddress !== null ? change.address : '';
    const key = JSON.stringify([module, mode, type, name, kind, reason, replacePaths, createFirst, single, deposed]);
    groups.set(key, [...(groups.get(key) ?? []), change]);
  }
  return [...groups.values()];
}

function renderGroup(group: readonly Change[], prefix = ''): string {
  const [first] = group;
  if (first === undefined) return '';
  const all = group.map((change) => ({ change, entries: entriesOf(change.value, change.kind, null) }));
  if (group.length === 1)
    return [`@@ ${prefix}${titleOf(first, first.address)} @@`, ...(all[0]?.entries ?? [])].join('\n');
  const inAll = new Set(all[0]?.entries.filter((entry) => all.every(({ entries }) => entries.includes(entry))));
  const title = titleOf(first, `${blockOf(first)}, ${group.length.toLocaleString('en-US')} instances`);
  const lines = [`@@ ${prefix}${title} @@`, ...inAll];
  const alike: string[] = [];
  for (const { change, entries } of all) {
    const own = entries.filter((entry) => !inAll.has(entry));
    if (own.length === 0) alike.push(indexOf(change));
    else lines.push(`@@   ${indexOf(change)} @@`, ...own);
  }
  if (alike.length > 0) lines.push(`@@   ${alike.join(' ')} @@`);
  return lines.join('\n');
}

function titleOf(change: Change, what: string): string {
  const notes: string[] = [];
  if (change.kind === 'replace')
    notes.push(change.createFirst ? 'creates the new one first' : 'destroys the old one first');
  if (change.replacePaths.length > 0) notes.push(`because of ${change.replacePaths.join(', ')}`);
  else if (change.reason !== null) notes.push(change.reason.replaceAll('_', ' '));
  if (change.importId !== null) notes.push(`imports ${JSON.stringify(change.importId)}`);
  if (change.previousAddress !== null) notes.push(`was ${change.previousAddress}`);
  if (change.deposed !== null) notes.push(`left-over object ${change.deposed}`);
  const note = notes.length === 0 ? '' : ` (${notes.join('; ')})`;
  return visibleLine(`${change.kind} ${what}${note}`);
}

function blockOf({ module, mode, type, name }: Change): string {
  return `${module === '' ? '' : `${module}.`}${mode === 'data' ? 'data.' : ''}${type}.${name}`;
}

function indexOf({ index }: Change): string {
  return visibleLine(index === null ? '(no index)' : `[${JSON.stringify(index)}]`);
}

/** Lines of a change; a text of several lines is one entry. @param name what a value without a path is called */
function entriesOf(value: Values, kind: Change['kind'], name: string | null): string[] {
  const before = leavesBefore(value);
  const after = leavesAfter(value);
  const label = ({ path }: Leaf): string =>
    name === null ? path : path === 'value' ? name : `${name}${path.startsWith('[') ? '' : '.'}${path}`;
  const known = new Map(after.map((leaf) => [leaf.path, leaf]));
  const old = new Map(before.map((leaf) => [leaf.path, leaf]));
  const isSame = (leaf: Leaf, other: Leaf | undefined): boolean => other?.raw === leaf.raw && !leaf.unknown;
  const entries: string[] = [];
  for (const path of [...new Set([...old.keys(), ...known.keys()])]) {
    const [was, is] = [old.get(path), known.get(path)];
    if (was !== undefined && !isSame(was, is)) entries.push(prefixed('-', `${label(was)} = ${was.text}`));
    if (is === undefined || is.unknown || (was !== undefined && isSame(was, is))) continue;
    const differs = is.text === SENSITIVE && was?.text === SENSITIVE;
    entries.push(prefixed('+', `${label(is)} = ${is.text}${differs ? ', another one' : ''}`));
  }
  const later = after.filter(({ unknown }) => unknown).map(label);
  if (later.length > 0) entries.push(prefixed('+', `known after apply: ${later.join(', ')}`));
  if (kind === 'forget') entries.push('  stays as it is, and is no longer managed');
  return entries;
}

function prefixed(sign: string, text: string): string {
  return text
    .split('\n')
    .map((line) => `${sign} ${line}`)
    .join('\n');
}
