import { linesOf, type PolicyDocument } from './document.js';

/**
 * Two documents rule by rule, whole: lines of the present one begin with `-` or a blank, lines of the proposed one with `+` or
 * a blank. Without what is only layout, order or repetition.
 */
export function diffOf(before: PolicyDocument, after: PolicyDocument): string[] {
  const paths = [...new Set([...before, ...after].map(({ path }) => path))].sort();
  return paths.flatMap((path) => {
    const [earlier, later] = [before, after].map((document) => document.find((rule) => rule.path === path));
    return compareLines(earlier === undefined ? [] : linesOf(earlier), later === undefined ? [] : linesOf(later));
  });
}

/** The present document out of a diff: what an undo sets again. */
export function beforeIn(diff: readonly string[]): string {
  return diff
    .filter((line) => line.startsWith('-') || line.startsWith(' '))
    .map((line) => `${line.slice(1)}\n`)
    .join('');
}

/** By longest common subsequence: a rule has few lines. */
function compareLines(before: readonly string[], after: readonly string[]): string[] {
  const common = Array.from({ length: before.length + 1 }, () => new Array<number>(after.length + 1).fill(0));
  const lengthAt = (i: number, j: number): number => common[i]?.[j] ?? 0;
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      const row = common[i];
      if (row === undefined) continue;
      row[j] = before[i] === after[j] ? lengthAt(i + 1, j + 1) + 1 : Math.max(lengthAt(i + 1, j), lengthAt(i, j + 1));
    }
  }
  const lines: string[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      lines.push(` ${before[i] ?? ''}`);
      [i, j] = [i + 1, j + 1];
    } else if (i < before.length && (j === after.length || lengthAt(i + 1, j) >= lengthAt(i, j + 1))) {
      lines.push(`-${before[i] ?? ''}`);
      i += 1;
    } else {
      lines.push(`+${after[j] ?? ''}`);
      j += 1;
    }
  }
  return lines;
}
