import { diffTones, type DiffTone } from '../../../src/core/diff-tone.js';

/** A part of a diff under one heading: a resource of a plan, a statement of a policy, a hunk. */
export interface DiffSection {
  /** Without its `@@`; null for what stands before the first heading. */
  title: string | null;
  lines: readonly string[];
  tones: readonly DiffTone[];
  /** Number of the first of `lines` in the whole. */
  from: number;
  added: number;
  removed: number;
}

// Instances within a group of resources are headings too, indented: they stay with their group.
const HEADING = /^@@ (?! )(.*?)(?: @@)?$/;

/** Takes a diff apart at its headings. Every line is in exactly one section, a heading as its title. */
export function diffSections(text: string): DiffSection[] {
  const lines = text.split('\n');
  const tones = diffTones(lines);
  const starts = lines.flatMap((line, index) => (HEADING.test(line) ? [index] : []));
  const sections = starts.map((start, index) => sectionOf(start, starts[index + 1] ?? lines.length, lines, tones));
  const preface = starts[0] ?? lines.length;
  if (preface === 0) return sections;
  return [{ ...sectionOf(-1, preface, lines, tones), title: null }, ...sections];
}

function sectionOf(start: number, end: number, lines: readonly string[], tones: readonly DiffTone[]): DiffSection {
  const own = tones.slice(start + 1, end);
  return {
    title: HEADING.exec(lines[start] ?? '')?.[1] ?? '',
    lines: withoutLastBlank(lines.slice(start + 1, end), end === lines.length),
    tones: own,
    from: start + 2,
    added: own.filter((tone) => tone === 'added').length,
    removed: own.filter((tone) => tone === 'removed').length,
  };
}

/** The blank line before the next heading is room, not content. */
function withoutLastBlank(lines: string[], isLast: boolean): string[] {
  return !isLast && lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}
