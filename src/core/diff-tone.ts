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
