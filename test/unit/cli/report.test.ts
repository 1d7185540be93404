import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCredentialStore } from '../../../apps/cli/credentials.js';
import { sealKeyring } from '../../../src/core/keyring.js';
import { Secret } from '../../../src/core/secret.js';
import { writeBundle } from '../../../src/policy/write-bundle.js';
import { makeKey } from '../../support/signing.js';
import { agentKey, idOf, keyring, signedAction, type Story } from '../../support/signed-action.js';
import { NOW_MS, waitingAction } from './action-fixture.js';
import { startLocalGateway, type LocalGateway } from './local-gateway.js';
import { run, type Ran } from './run.js';

const EXAMPLE = fileURLToPath(new URL('../../../policies/example', import.meta.url));
const root = makeKey('root/1');
const story: Story = {
  number: 1,
  requestedAtMs: NOW_MS - 3_600_000,
  decisions: [{ person: 'ben', afterMs: 60_000 }],
  startedAfterMs: 61_000,
  revokedAfterMs: 65_000,
};

let gateway: LocalGateway;
let folder: string;

beforeEach(async () => {
  gateway = await startLocalGateway({ agents: [], acceptsPerson: async () => true });
  folder = await mkdtemp(join(tmpdir(), 'countersign-report-'));
  const store = createCredentialStore(join(folder, 'countersign', 'credentials.json'));
  await store.save(gateway.url, {
    accessToken: new Secret('t'),
    expiresAtMs: NOW_MS + 1,
    issuer: 'https://id.example.com',
  });
  await writeFile(join(folder, 'keyring.json'), JSON.stringify(await sealKeyring(keyring, root.signer)));
  await writeBundle(EXAMPLE, join(folder, 'bundle'), { agentKeys: { 'export-bot': agentKey.publicKey.publicKey } });
});

afterEach(async () => {
  await gateway.stop();
  await rm(folder, { recursive: true });
});

async function hold(...stories: Story[]): Promise<void> {
  for (const each of stories) {
    const actionId = idOf(each);
    const view = waitingAction();
    gateway.put({ ...view, actionId, request: { ...view.request, actionId } });
    gateway.statements.set(actionId, await signedAction(each));
  }
}

async function report(...args: string[]): Promise<Ran> {
  const files = ['--keyring', join(folder, 'keyring.json'), '--policy', join(folder, 'bundle')];
  const environment = { COUNTERSIGN_GATEWAY_URL: gateway.url, XDG_CONFIG_HOME: folder };
  return run(['report', '--root', root.publicKey.publicKey, ...files, ...args], { environment });
}

const period = ['--from', '2026-11-22', '--to', '2026-11-23'];

// The policy engine is loaded for the agents' keys: seconds on a busy machine.
it('writes CSV to standard output, JSON and a page where it is told to', { timeout: 60_000 }, async () => {
  await hold(story);
  const csv = await report(...period);
  expect([csv.exitCode, csv.stderr]).toEqual([0, '']);
  expect(csv.stdout.split('\r\n')[1]).toMatch(new RegExp(`^"${idOf(story)}",.*"ben".*"succeeded".*"true",""$`));
  const json = await report(...period, '--format', 'json');
  expect(JSON.parse(json.stdout)).toMatchObject({ totals: { actions: 1, ran: 1, verified: 1 } });
  const page = join(folder, 'report.html');
  expect(await report(...period, '--format', 'html', '--out', page)).toMatchObject({ exitCode: 0, stdout: '' });
  expect(await readFile(page, 'utf8')).toContain(idOf(story));
  expect(await report(...period, '--out', page)).toMatchObject({ exitCode: 2 });
});

it('fails loudly when the evidence of an action does not hold', { timeout: 60_000 }, async () => {
  await hold({ ...story, decisions: [{ person: 'olivia', afterMs: 60_000 }] });
  const { exitCode, stderr } = await report(...period);
  expect(exitCode).toBe(3);
  expect(stderr).toContain('does not hold');
});

it.each<[what: string, args: string[]]>([
  ['a period that ends before it begins', ['--from', '2026-11-23', '--to', '2026-11-22']],
  ['a day that is none', ['--from', '2026-13-01', '--to', '2026-11-22']],
  ['a time without its zone', ['--from', '2026-11-01T09:00', '--to', '2026-11-22']],
  ['no period', []],
  ['another format', [...period, '--format', 'pdf']],
])('%s is a mistake in the command line', async (_what, args) => {
  expect((await report(...args)).exitCode).toBe(2);
});
