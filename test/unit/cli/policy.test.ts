import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bundleDigest } from '../../../src/policy/bundle-files.js';
import { run } from './run.js';

const EXAMPLE = fileURLToPath(new URL('../../../policies/example', import.meta.url));
const TABLE = fileURLToPath(new URL('../../../policies/tests/example.yaml', import.meta.url));
let folder: string;
let bundle: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-policy-'));
  bundle = join(folder, 'bundle');
  await cp(EXAMPLE, bundle, { recursive: true });
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

// The Cedar engine is compiled when it is first asked: seconds on a busy machine.
describe('policy check', { timeout: 30_000 }, () => {
  it('passes the example, prints its digest, and runs the table beside it', async () => {
    const { exitCode, stdout } = await run(['policy', 'check', EXAMPLE]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`digest ${await bundleDigest(EXAMPLE)}`);
    expect(stdout).toMatch(/example\.yaml: (\d+) of \1 cases hold/);
  });

  it('names file and line of what is wrong, and runs no table', async () => {
    const file = join(bundle, 'directory.yaml');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace(/^ {4}name: .*$/m, '    nmae: Ana Alves'));
    const line = text.split('\n').findIndex((each) => /^ {4}name: /.test(each)) + 1;
    const { exitCode, stdout } = await run(['policy', 'check', bundle, '--table', TABLE]);
    expect(exitCode).toBe(3);
    expect(stdout).toContain(`${file}:${String(line)}: people.0.nmae`);
    expect(stdout).toContain('The bundle does not load.');
    expect(stdout).not.toContain('cases hold');
  });

  it('shows how each failing case differs', async () => {
    const table = join(folder, 'table.yaml');
    const question = {
      case: 1,
      name: 'a stranger may ask',
      ask: 'request',
      agent: 'stranger',
      operation: 'database.export',
    };
    const cases = [{ ...question, target: 'orders', expect: { allowed: true } }];
    await writeFile(table, JSON.stringify({ cases }));
    const { exitCode, stdout } = await run(['policy', 'check', bundle, '--table', table, '--json']);
    const report = JSON.parse(stdout) as { ok: boolean; tables: { failed: { at: string; differences: string[] }[] }[] };
    expect([exitCode, report.ok]).toEqual([3, false]);
    expect(report.tables[0]?.failed[0]?.at).toMatch(/table\.yaml:\d+$/);
    expect(report.tables[0]?.failed[0]?.differences).not.toEqual([]);
  });

  it.each<[what: string, args: () => string[]]>([
    ['a folder that is not there', () => ['check', join(folder, 'nowhere')]],
    ['a table that is not there', () => ['check', bundle, '--table', join(folder, 'nowhere.yaml')]],
    ['a table that is none', () => ['check', bundle, '--table', join(bundle, 'bundle.yaml')]],
    ['the digest of a folder that is not there', () => ['digest', join(folder, 'nowhere')]],
  ])('%s is a mistake in the command line', async (_what, args) => {
    expect((await run(['policy', ...args()])).exitCode).toBe(2);
  });
});

describe('policy digest', () => {
  it('prints what configuration pins, and another one once a byte is another', async () => {
    const first = await run(['policy', 'digest', bundle]);
    await writeFile(join(bundle, 'bundle.yaml'), `${await readFile(join(bundle, 'bundle.yaml'), 'utf8')}\n`);
    const second = await run(['policy', 'digest', bundle]);
    expect(first.stdout).toBe(`${await bundleDigest(EXAMPLE)}\n`);
    expect(second.stdout).not.toBe(first.stdout);
  });
});
