export type DiffTone = 'added' | 'removed' | 'heading' | 'same';

/** What each line of a diff tells; `---` and `+++` at its beginning name its sides. */
export function diffTones(lines: readonly string[]): DiffTone[] {
  const isNamed = lines[0]?.startsWith('--- ') === true && lines[1]?.startsWith('+++ ') === true;
  return lines.map((line, index) => {
    if (line.startsWith('@@') || (isNamed && index < 2)) return 'heading';
    if (line.startsWith('+')) return 'added';
    return line.startsWith('-') ? 'removed' : 'same';
  });
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
