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

/** Where a section begins, how many lines are its heading, and what they say. */
interface Heading {
  start: number;
  length: number;
  title: string;
}

// Instances within a group of resources are headings too, indented: they stay with their group.
const HEADING = /^@@ (?! )(.*?)(?: @@)?$/;

/** Takes a diff apart at its headings. Every line is in exactly one section, a heading as its title. */
export function diffSections(text: string): DiffSection[] {
  const lines = text.split('\n');
  const tones = diffTones(lines);
  const headings = headingsOf(lines, tones);
  const sections = headings.map((heading, index) =>
    sectionOf(heading, headings[index + 1]?.start ?? lines.length, lines, tones),
  );
  const preface = headings[0]?.start ?? lines.length;
  if (preface === 0) return sections;
  return [{ ...sectionOf({ start: 0, length: 0, title: '' }, preface, lines, tones), title: null }, ...sections];
}

/** The names of a file's sides belong to the heading of its first hunk; at the very beginning they are the whole diff's. */
function headingsOf(lines: readonly string[], tones: readonly DiffTone[]): Heading[] {
  return lines.flatMap((line, index) => {
    const title = HEADING.exec(line)?.[1];
    if (title === undefined) return [];
    const [old = '', now = ''] = lines.slice(index - 2, index).map((name) => name.slice('--- '.length));
    const isNamed = index > 2 && tones[index - 2] === 'heading' && lines[index - 2]?.startsWith('--- ') === true;
    if (!isNamed) return [{ start: index, length: 1, title }];
    return [{ start: index - 2, length: 3, title: `${old === now ? now : `${old} → ${now}`} ${title}` }];
  });
}

function sectionOf(
  { start, length, title }: Heading,
  end: number,
  lines: readonly string[],
  tones: readonly DiffTone[],
): DiffSection {
  const own = tones.slice(start + length, end);
  return {
    title,
    lines: withoutLastBlank(lines.slice(start + length, end), end === lines.length),
    tones: own,
    from: start + length + 1,
    added: own.filter((tone) => tone === 'added').length,
    removed: own.filter((tone) => tone === 'removed').length,
  };
}

/** The blank line before the next heading is room, not content. */
function withoutLastBlank(lines: string[], isLast: boolean): string[] {
  return !isLast && lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}
