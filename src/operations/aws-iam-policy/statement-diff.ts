import { visibleLine } from '../../core/visible-text.js';
import { meaningOf, type PolicyDocument, type Selection, type Statement } from './document.js';

export interface StatementDiff {
  /** The whole of both documents, each line once: ` ` kept, `-` removed, `+` added. */
  lines: string[];
  added: number;
  changed: number;
  removed: number;
}

/** Compares documents statement by statement: neither the order of statements nor that of their values makes a difference. */
export function diffStatements(before: PolicyDocument | null, after: PolicyDocument | null): StatementDiff {
  const { pairs, removed, added } = pairUp(before?.statements ?? [], after?.statements ?? []);
  const diff: StatementDiff = { lines: [], added: added.length, changed: 0, removed: removed.length };
  if (before?.version !== after?.version) {
    if (before !== null) diff.lines.push(`- Version ${before.version}`);
    if (after !== null) diff.lines.push(`+ Version ${after.version}`);
  }
  for (const statement of removed) diff.lines.push(...render(statement, null));
  for (const [old, now] of pairs) {
    if (old.sid !== now.sid || meaningOf(old) !== meaningOf(now)) diff.changed += 1;
    diff.lines.push(...render(old, now));
  }
  for (const statement of added) diff.lines.push(...render(null, statement));
  return diff;
}

interface PairedUp {
  pairs: [Statement, Statement][];
  removed: Statement[];
  added: Statement[];
}

/** First what means the same, then what bears the same name, then what shares the most elements. */
function pairUp(before: readonly Statement[], after: readonly Statement[]): PairedUp {
  const removed = [...before];
  const added = [...after];
  const pairs: [Statement, Statement][] = [];
  const take = (score: (old: Statement, now: Statement) => number): void => {
    for (;;) {
      const candidates = removed.flatMap((old) => added.map((now) => ({ old, now, score: score(old, now) })));
      const best = candidates.reduce<(typeof candidates)[number] | null>(
        (kept, next) => (next.score > (kept?.score ?? 0) ? next : kept),
        null,
      );
      if (best === null) return;
      pairs.push([best.old, best.now]);
      removed.splice(removed.indexOf(best.old), 1);
      added.splice(added.indexOf(best.now), 1);
    }
  };
  take((old, now) => (meaningOf(old) === meaningOf(now) ? (old.sid === now.sid ? 2 : 1) : 0));
  take((old, now) => (old.sid !== null && old.sid === now.sid ? 1 : 0));
  take((old, now) => (old.effect === now.effect ? sharedElements(old, now) : 0));
  pairs.sort(([one], [other]) => before.indexOf(one) - before.indexOf(other));
  return { pairs, removed, added };
}

function sharedElements(old: Statement, now: Statement): number {
  const known = new Set(elementsOf(old).map(([section, element]) => `${section}\n${element}`));
  return elementsOf(now).filter(([section, element]) => known.has(`${section}\n${element}`)).length;
}

function elementsOf(statement: Statement): [section: string, element: string][] {
  const { actions, resources, condition } = statement;
  return [
    ...actions.patterns.map((action): [string, string] => [sectionOf('Action', actions), action]),
    ...resources.patterns.map((resource): [string, string] => [sectionOf('Resource', resources), resource]),
    ...Object.entries(condition ?? {}).flatMap(([operator, keys]) =>
      Object.entries(keys as Record<string, string[]>).map(([key, values]): [string, string] => [
        'Condition',
        `${operator} ${key}: ${values.map((value) => JSON.stringify(value)).join(', ')}`,
      ]),
    ),
  ];
}

function sectionOf(name: 'Action' | 'Resource', { kind }: Selection): string {
  return kind === 'only' ? name : `Not${name}`;
}

const SECTIONS = ['Action', 'NotAction', 'Resource', 'NotResource', 'Condition'];

function render(old: Statement | null, now: Statement | null): string[] {
  const mark = (inOld: boolean, inNow: boolean): string => (inOld && inNow ? ' ' : inOld ? '-' : '+');
  const lines = marked(headOf(old), headOf(now), mark);
  const before = old === null ? [] : elementsOf(old);
  const after = now === null ? [] : elementsOf(now);
  for (const section of SECTIONS) {
    const olds = before.filter(([name]) => name === section).map(([, element]) => element);
    const nows = after.filter(([name]) => name === section).map(([, element]) => element);
    if (olds.length === 0 && nows.length === 0) continue;
    lines.push(`${mark(olds.length > 0, nows.length > 0)}   ${section}`);
    for (const element of [...new Set([...olds, ...nows])].sort())
      lines.push(`${mark(olds.includes(element), nows.includes(element))}     ${visibleLine(element)}`);
  }
  return lines;
}

function headOf(statement: Statement | null): string | null {
  if (statement === null) return null;
  return visibleLine(`${statement.effect}${statement.sid === null ? '' : ` (${statement.sid})`}`);
}

function marked(old: string | null, now: string | null, mark: (inOld: boolean, inNow: boolean) => string): string[] {
  if (old === now) return old === null ? [] : [`${mark(true, true)} ${old}`];
  return [
    ...(old === null ? [] : [`${mark(true, false)} ${old}`]),
    ...(now === null ? [] : [`${mark(false, true)} ${now}`]),
  ];
}
