import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCredentialStore } from '../../../apps/cli/credentials.js';
import { Secret } from '../../../src/core/secret.js';
import { bundleDigest } from '../../../src/policy/bundle-files.js';
import { NOW_MS, waitingAction } from './action-fixture.js';
import { startLocalGateway } from './local-gateway.js';
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

const EXPORT = 'database-export.cedar';

/** The bundle with one replacement in it, in a folder of its own. */
async function edited(name: string, from: string, to: string): Promise<string> {
  const copy = join(folder, name);
  await cp(bundle, copy, { recursive: true });
  const path = join(copy, EXPORT);
  const text = await readFile(path, 'utf8');
  expect(text).toContain(from);
  await writeFile(
    path,
    text.replace(from, () => to),
  );
  return copy;
}

describe('policy test', { timeout: 30_000 }, () => {
  it('runs the tables that are named, and fails with a case that does not hold', async () => {
    expect(await run(['policy', 'test', bundle, TABLE])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/example\.yaml: (\d+) of \1 cases hold/) as string,
    });
    const looser = await edited('looser', '@expire("2h")', '@expire("12h")');
    const { exitCode, stdout } = await run(['policy', 'test', looser, TABLE]);
    expect(exitCode).toBe(3);
    expect(stdout).toContain('expire: expected "2h", was "12h"');
  });

  it('says that there is no table', async () => {
    expect(await run(['policy', 'test', bundle])).toMatchObject({ exitCode: 2 });
  });
});

describe('policy diff', { timeout: 60_000 }, () => {
  it('says what a change means, and with --fail-on tells it by the exit code', async () => {
    const plain = await edited('plain', '@remind("5m")', '@remind("10m")');
    const looser = await edited('looser', '@expire("2h")', '@expire("12h")');
    const { exitCode, stdout } = await run(['policy', 'diff', bundle, looser]);
    expect(exitCode).toBe(0);
    expect(stdout.replaceAll(/\([0-9a-f]{12}\)/g, '(digest)')).toMatchSnapshot();
    for (const [args, code] of [
      [[bundle, looser, '--fail-on', 'loosening'], 3],
      [[looser, bundle, '--fail-on', 'loosening'], 0],
      [[bundle, plain, '--fail-on', 'any'], 3],
    ] as const)
      expect([args, (await run(['policy', 'diff', ...args])).exitCode]).toEqual([args, code]);
  });

  it('is coloured in a terminal, and one JSON document for programs', async () => {
    const looser = await edited('looser', '@expire("2h")', '@expire("12h")');
    const shown = await run(['policy', 'diff', bundle, looser], { terminal: true, columns: 80 });
    expect(shown.stdout).toContain('\u001B[31mThis change LOOSENS policy');
    const { stdout } = await run(['policy', 'diff', bundle, looser, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ effect: 'loosening', rules: [{ id: 'prod-export', kind: 'loosened' }] });
  });
});

describe('policy simulate', { timeout: 30_000 }, () => {
  const question = { agent: 'export-bot', operation: 'database.export', target: 'orders' };

  it('says how a bundle answers questions, and whom it asks', async () => {
    const file = join(folder, 'questions.json');
    await writeFile(
      file,
      JSON.stringify([
        { ...question, flags: { personal_data: 'high', no_where: 'medium' } },
        { ...question, target: 'orders-staging' },
        { ...question, target: 'orders-staging', tainted: true },
        { ...question, agent: 'access-bot' },
      ]),
    );
    const { exitCode, stdout } = await run(['policy', 'simulate', bundle, '--request', file]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatchSnapshot();
  });

  it('takes an action as it is shown, and says only what another bundle answers otherwise', async () => {
    const file = join(folder, 'action.json');
    await writeFile(file, JSON.stringify(waitingAction()));
    const looser = await edited('looser', '@review("dba:1")\n@escalate', '@review("dba:2")\n@escalate');
    const { stdout } = await run(['policy', 'simulate', looser, '--request', file, '--against', bundle, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      replayed: 1,
      differing: 1,
      differences: [{ actionId: waitingAction().actionId, effect: 'tightening' }],
    });
  });

  it('asks the gateway for the last actions, with what was found of them then', async () => {
    const gateway = await startLocalGateway({ agents: [], acceptsPerson: async () => true });
    try {
      const store = createCredentialStore(join(folder, 'countersign', 'credentials.json'));
      const accessToken = new Secret('t');
      await store.save(gateway.url, { accessToken, expiresAtMs: NOW_MS + 1, issuer: 'https://id.example.com' });
      gateway.put(waitingAction());
      const environment = { COUNTERSIGN_GATEWAY_URL: gateway.url, XDG_CONFIG_HOME: folder };
      const { exitCode, stdout } = await run(['policy', 'simulate', bundle, '--last', '5'], { environment });
      expect(exitCode).toBe(0);
      expect(stdout).toContain(`${waitingAction().actionId}  export-bot · database.export · orders (production)`);
      expect(stdout).toContain('may approve: ben, ');
      expect((await run(['policy', 'simulate', bundle, '--last', '5'])).exitCode).toBe(2);
    } finally {
      await gateway.stop();
    }
  });

  it.each<[what: string, args: () => string[]]>([
    ['neither a file nor a number', () => []],
    ['both of them', () => ['--request', TABLE, '--last', '3']],
    ['a file that is no JSON', () => ['--request', TABLE]],
    ['JSON that is no request', () => ['--request', join(folder, 'other.json')]],
  ])('%s is a mistake in the command line', async (_what, args) => {
    await writeFile(join(folder, 'other.json'), '{"hello": 1}');
    expect((await run(['policy', 'simulate', bundle, ...args()])).exitCode).toBe(2);
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
