import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect } from 'vitest';
import { formatProblem } from '../../../src/directory/yaml-source.js';
import { checkBundle } from '../../../src/policy/load-bundle.js';

export const EXAMPLE = fileURLToPath(new URL('../../../policies/example', import.meta.url));

const folders: string[] = [];
afterAll(async () => {
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
});

/** An empty folder that goes when the test file ends. */
export async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-policy-'));
  folders.push(folder);
  return folder;
}

/** A replacement in one file of the example bundle; `from` null appends. */
export interface Edit {
  file: string;
  from: string | null;
  to: string;
}

/** Nobody may unfreeze; then the glass cannot be offered either. */
export const NOBODY_UNFREEZES: readonly Edit[] = [
  { file: 'directory.yaml', from: 'unfreeze: incident-lead\n', to: '' },
  { file: 'ssh-command.cedar', from: '@breakglass("security:2, 5m, 24h")\n', to: '' },
];

/** A copy of the example bundle with edits; an edit that changes nothing is an error. */
export async function editedBundle(edits: readonly Edit[]): Promise<string> {
  const folder = await emptyFolder();
  await cp(EXAMPLE, folder, { recursive: true });
  for (const { file, from, to } of edits) {
    const path = join(folder, file);
    const text = from === null ? '' : await readFile(path, 'utf8');
    if (from !== null && !text.includes(from)) throw new Error(`${file} of the example bundle does not hold ${from}`);
    await (from === null
      ? writeFile(path, to, { flag: 'a' })
      : writeFile(
          path,
          text.replace(from, () => to),
        ));
  }
  return folder;
}

/** Problems without the folder, so that they read as in a checkout. */
export async function problemsOf(folder: string): Promise<string[]> {
  const { problems, policy } = await checkBundle(folder);
  expect(policy === null).toBe(problems.length > 0);
  return problems.map((problem) => formatProblem(problem).replaceAll(`${folder}/`, ''));
}

/** Expects a problem that begins so; `file:{text}` is the line of that text, `{text#2}` of its second occurrence. */
export async function expectFault(folder: string, expected: string): Promise<void> {
  const problems = await problemsOf(folder);
  const start = await withLines(folder, expected);
  expect(problems).toContainEqual(expect.stringMatching(startsWith(start)));
}

function startsWith(text: string): RegExp {
  return new RegExp(`^${text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}`);
}

async function withLines(folder: string, expected: string): Promise<string> {
  let result = expected;
  for (const [placeholder, file, marker, nth] of expected.matchAll(/([a-z-]+\.\w+):\{(.+?)(?:#(\d))?\}/g)) {
    const before = (await readFile(join(folder, file ?? ''), 'utf8')).split(marker ?? '').slice(0, Number(nth ?? 1));
    result = result.replace(placeholder, `${file ?? ''}:${String(before.join('').split('\n').length)}`);
  }
  return result;
}
