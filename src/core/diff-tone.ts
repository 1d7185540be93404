export type DiffTone = 'added' | 'removed' | 'heading' | 'same';

/**
 * What each line of a diff tells; `---` and `+++` name its sides at its beginning, and those of a file before its first hunk.
 * Within a hunk they are lines that begin so: how many it has stands in its heading.
 */
export function diffTones(lines: readonly string[]): DiffTone[] {
  // Of the hunk that is being read: lines that are still to come of each side.
  let left = { old: 0, now: 0 };
  return lines.map((line, index) => {
    const hunk = HUNK.exec(line);
    if (hunk !== null) left = { old: Number(hunk[1] ?? 1), now: Number(hunk[2] ?? 1) };
    if (line.startsWith('@@')) return 'heading';
    const isInHunk = left.old > 0 || left.now > 0;
    if (!isInHunk && (namesSides(lines, index) || namesSides(lines, index - 1))) return 'heading';
    const sign = line[0] ?? ' ';
    // `\ No newline at end of file` is a line of neither side.
    if (sign !== '+' && sign !== '\\') left.old -= 1;
    if (sign !== '-' && sign !== '\\') left.now -= 1;
    return sign === '+' ? 'added' : sign === '-' ? 'removed' : 'same';
  });
}

const HUNK = /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/;

/** Whether `---` and `+++` of a pair stand here. */
function namesSides(lines: readonly string[], index: number): boolean {
  const isPair = lines[index]?.startsWith('--- ') === true && lines[index + 1]?.startsWith('+++ ') === true;
  return isPair && (index === 0 || HUNK.test(lines[index + 2] ?? ''));
}

/**
 * What each line of a preview's content tells: of a diff, and of a SQL transaction with one in the comments after it, as
 * that of `database.grant` has (`-- + …`, `-- - …`). Lines of other content tell nothing: the list is empty.
 */
export function contentTones({ language, text }: { language: string; text: string }): DiffTone[] {
  const lines = text.split('\n');
  if (language === 'diff') return diffTones(lines);
  // Only what we wrote after the end: a query of an agent's cannot begin so, and none of its lines is coloured.
  if (language !== 'sql' || lines[0] !== 'BEGIN;') return [];
  const end = lines.lastIndexOf('COMMIT;');
  return lines.map((line, index) => (index > end ? (COMMENT_TONES[line.slice(0, '-- + '.length)] ?? 'same') : 'same'));
}

const COMMENT_TONES: Readonly<Record<string, DiffTone>> = { '-- + ': 'added', '-- - ': 'removed' };
