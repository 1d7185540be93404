import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const recipe = join(root, 'docs/recipes/example-operation');
const run = promisify(execFile);

// What is large and the same is linked; the compiler's output is copied, so that only the new files are compiled.
const LINKED = ['node_modules', '.services'];
const LEFT_OUT = ['.git', '.countersign'];

let copy: string;

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'countersign-example-operation-'));
  for (const name of await readdir(root)) {
    if (LEFT_OUT.includes(name)) continue;
    if (LINKED.includes(name)) await symlink(join(root, name), join(copy, name));
    else await cp(join(root, name), join(copy, name), { recursive: true, preserveTimestamps: true });
  }
  // The recipe: one file, and its test.
  await cp(join(recipe, 'database-announce.ts'), join(copy, 'src/operations/database-announce.ts'));
  await cp(join(recipe, 'database-announce.subject.ts'), join(copy, 'test/contracts/subjects/database-announce.ts'));
});
afterAll(async () => {
  await rm(copy, { recursive: true, force: true });
});

/** Runs a program of Node's in the copy; throws with all that it said. */
async function node(...args: string[]): Promise<void> {
  // Not ours: vitest marks its processes by environment.
  const environment = Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_ENV|TEST)/.test(name));
  await run(process.execPath, args, { cwd: copy, env: Object.fromEntries(environment), maxBuffer: 1e8 }).catch(
    (error: unknown) => {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      throw new Error(`node ${args.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: error });
    },
  );
}

it('one file and its test make an operation that holds the whole contract', async () => {
  await node('scripts/generate-catalog.mjs');
  expect(await readFile(join(copy, 'src/operations/catalog.gen.ts'), 'utf8')).toContain("'./database-announce.js'");
  await node('scripts/build.mjs');
  const onlyIt = {
    extends: './tsconfig.json',
    include: ['./global-setup.ts', './contracts/subjects/database-announce.ts'],
  };
  await writeFile(join(copy, 'test/tsconfig.example.json'), JSON.stringify(onlyIt));
  await node('node_modules/typescript/bin/tsc', '--project', 'test/tsconfig.example.json', '--noEmit');
  const files = ['src/operations/database-announce.ts', 'test/contracts/subjects/database-announce.ts'];
  await node('node_modules/eslint/bin/eslint.js', '--max-warnings', '0', ...files);
  const suite = ['test/contracts/operations.test.ts', 'test/contracts/operations-crash.test.ts'];
  const report = join(copy, 'report.json');
  const options = ['--reporter=json', `--outputFile=${report}`, '-t', 'database.announce'];
  await node('node_modules/vitest/vitest.mjs', 'run', '--project', 'services', ...suite, ...options);
  const { numPassedTests, success } = JSON.parse(await readFile(report, 'utf8')) as {
    numPassedTests: number;
    success: boolean;
  };
  expect({ success, enough: numPassedTests >= 15 }).toEqual({ success: true, enough: true });
}, 600_000);
