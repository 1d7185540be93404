import { structuredPatch } from 'diff';
import type { ComparableBundle } from './comparison.js';

const CONTEXT_LINES = 3;
/** The time that comparing takes grows with the square of it: a second or two. Each is a line that people read. */
const EDITS_MAX = 4_000;

/**
 * Unified diff of all files that differ. With the bundle before it, whose digest people see, it says every byte.
 * @returns null for more lines than anybody reads.
 */
export function filesDiff(
  before: Pick<ComparableBundle, 'files'>,
  after: Pick<ComparableBundle, 'files'>,
): string[] | null {
  const diffs = fileDiffs(before, after);
  return diffs.some((lines) => lines === null) ? null : diffs.flatMap((lines) => lines ?? []);
}

function fileDiffs(
  before: Pick<ComparableBundle, 'files'>,
  after: Pick<ComparableBundle, 'files'>,
): (string[] | null)[] {
  const names = [...new Set([...before.files.keys(), ...after.files.keys()])].sort();
  let editsLeft = EDITS_MAX;
  return names.map((name): string[] | null => {
    const [old, now] = [before, after].map(({ files }) => files.get(name)?.text);
    if (old === now) return [];
    const options = { context: CONTEXT_LINES, maxEditLength: editsLeft };
    const patch = structuredPatch('', '', old ?? '', now ?? '', undefined, undefined, options);
    if (patch === undefined) return null;
    const changed = patch.hunks.flatMap(({ lines }) => lines.filter((line) => /^[+-]/.test(line)));
    editsLeft = Math.max(0, editsLeft - changed.length);
    return [
      `--- ${name}${old === undefined ? ', which is not there' : ''}`,
      `+++ ${name}${now === undefined ? ', removed' : ''}`,
      ...patch.hunks.flatMap(({ oldStart, oldLines, newStart, newLines, lines }) => [
        `@@ -${String(oldStart)},${String(oldLines)} +${String(newStart)},${String(newLines)} @@`,
        ...lines,
      ]),
    ];
  });
}
