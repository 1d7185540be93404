import { structuredPatch } from 'diff';
import type { Flag, Preview } from '../core/schemas/action.js';
import { DIFFERENCE_BYTES, type Difference } from '../core/schemas/difference.js';
import { gravestFirst } from '../core/severity.js';

interface Shown {
  preview: Pick<Preview, 'summary' | 'facts' | 'content'>;
  flags: readonly Flag[];
}

const CONTEXT_LINES = 3;

// The time that comparing takes grows with the square of it.
const MAX_EDITS = 1_500;

/**
 * What would happen now against what people were shown before: for the review that opens again.
 * @param momentaryFlags codes of flags that tell of the moment: another wording of one of them is no difference, another
 * severity is
 */
export function differenceBetween(before: Shown, now: Shown, momentaryFlags: readonly string[] = []): Difference {
  const differing = {
    // Gravest first: should there be too much, it is the least grave that is only counted.
    flagsAdded: flagsOnlyIn(now.flags, before.flags, momentaryFlags),
    facts: differingFacts(before.preview, now.preview),
    flagsGone: flagsOnlyIn(before.flags, now.flags, momentaryFlags),
  };
  let room: number = DIFFERENCE_BYTES.items;
  const fitting = <T>(items: readonly T[]): T[] =>
    items.filter((item) => {
      room -= Buffer.byteLength(JSON.stringify(item)) + 1;
      return room >= 0;
    });
  const kept = {
    flagsAdded: fitting(differing.flagsAdded),
    facts: fitting(differing.facts),
    flagsGone: fitting(differing.flagsGone),
  };
  return {
    ...kept,
    itemsLeftOut: countOf(differing) - countOf(kept),
    ...contentDifference(before.preview.content.text, now.preview.content.text),
  };
}

function countOf({ flagsAdded, facts, flagsGone }: Pick<Difference, 'flagsAdded' | 'facts' | 'flagsGone'>): number {
  return flagsAdded.length + facts.length + flagsGone.length;
}

function differingFacts(before: Shown['preview'], now: Shown['preview']): Difference['facts'] {
  const [olds, news] = [before, now].map(factsByName);
  const names = new Map([...(olds ?? []), ...(news ?? [])].map(([name, { label }]) => [name, label]));
  return [...names]
    .map(([name, label]) => ({
      label,
      before: olds?.get(name)?.value ?? null,
      now: news?.get(name)?.value ?? null,
    }))
    .filter((fact) => fact.before !== fact.now);
}

/** By label and, where several bear the same, by which of them it is. */
function factsByName({ summary, facts }: Shown['preview']): Map<string, { label: string; value: string }> {
  const named = new Map<string, { label: string; value: string }>([['', { label: 'Summary', value: summary }]]);
  for (const { label, value } of facts) {
    let number = 1;
    while (named.has(`${String(number)} ${label}`)) number += 1;
    named.set(`${String(number)} ${label}`, { label, value });
  }
  return named;
}

function flagsOnlyIn(these: readonly Flag[], those: readonly Flag[], momentary: readonly string[]): Flag[] {
  const nameOf = ({ code, severity, sentence }: Flag): string =>
    momentary.includes(code) ? `${code} ${severity}` : `${code} ${severity} ${sentence}`;
  const known = new Set(those.map(nameOf));
  return gravestFirst(these.filter((flag) => !known.has(nameOf(flag))));
}

/** As a unified diff. What does not fit is counted: the content itself is shown whole beside it. */
function contentDifference(before: string, now: string): Pick<Difference, 'content' | 'contentLinesLeftOut'> {
  if (before === now) return { content: null, contentLinesLeftOut: 0 };
  // With a line feed more at both ends, a missing one shows as a line and not as a remark.
  const patch = structuredPatch('', '', `${before}\n`, `${now}\n`, undefined, undefined, {
    context: CONTEXT_LINES,
    maxEditLength: MAX_EDITS,
  });
  if (patch === undefined) {
    const note = '@@ nearly every line differs; both are on record @@';
    return { content: note, contentLinesLeftOut: before.split('\n').length + now.split('\n').length };
  }
  const lines = patch.hunks.flatMap(({ oldStart, oldLines, newStart, newLines, lines: hunk }) => [
    `@@ -${String(oldStart)},${String(oldLines)} +${String(newStart)},${String(newLines)} @@`,
    ...hunk,
  ]);
  const kept: string[] = [];
  let bytes = 0;
  for (const line of lines) {
    bytes += Buffer.byteLength(JSON.stringify(line));
    if (bytes > DIFFERENCE_BYTES.content) break;
    kept.push(line);
  }
  return { content: kept.join('\n'), contentLinesLeftOut: differing(lines) - differing(kept) };
}

function differing(lines: readonly string[]): number {
  return lines.filter((line) => line.startsWith('+') || line.startsWith('-')).length;
}
