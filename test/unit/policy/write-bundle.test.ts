import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadBundle } from '../../../src/policy/load-bundle.js';
import { writeBundle } from '../../../src/policy/write-bundle.js';
import { emptyFolder, EXAMPLE } from './bundle-folders.js';

const KEY = '11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=';

test('a bundle is written with its agents, targets and people, keeps its comments, and loads under its digest', async () => {
  const folder = join(await emptyFolder(), 'bundle');
  const pinnedDigest = await writeBundle(EXAMPLE, folder, {
    agentKeys: { 'export-bot': KEY },
    targets: { orders: { port: 6543, vault: vaultOf('pg-production') } },
    people: { ben: { slack: { teamId: 'T9', userId: 'U9' } } },
  });
  const policy = await loadBundle(folder, { pinnedDigest });
  expect(policy.directory.agentKey('export-bot')?.publicKey).toBe(KEY);
  expect(policy.directory.personBySlack('T9', 'U9')?.id).toBe('ben');
  expect(policy.target('orders')).toMatchObject({ port: 6543, database: 'orders', vault: { mount: 'pg-production' } });
  expect(policy.target('orders-staging')).toMatchObject({ port: 5432 });
  expect(await readFile(join(folder, 'targets.yaml'), 'utf8')).toContain('# loopback only');
});

test('without changes the copy means the same', async () => {
  const folder = await emptyFolder();
  const policy = await loadBundle(folder, { pinnedDigest: await writeBundle(EXAMPLE, folder, {}) });
  expect(policy.directory.agents().map((agent) => agent.id)).toEqual([
    'export-bot',
    'access-bot',
    'platform-bot',
    'cloud-bot',
    'policy-author',
  ]);
});

test.each([
  ['agent', { agentKeys: { 'import-bot': KEY } }, 'agents have no "import-bot"'],
  ['target', { targets: { payroll: { port: 1 } } }, 'targets have no "payroll"'],
  ['person', { people: { mallory: { name: 'Mallory' } } }, 'people have no "mallory"'],
])('a change that names an unknown %s is refused', async (_, changes, message) => {
  await expect(writeBundle(EXAMPLE, await emptyFolder(), changes)).rejects.toThrow(message);
});

test('a folder that is not empty is left alone', async () => {
  const folder = await emptyFolder();
  await writeFile(join(folder, 'old.cedar'), '');
  await expect(writeBundle(EXAMPLE, folder, {})).rejects.toThrow('is not empty');
});

function vaultOf(mount: string) {
  return {
    mount,
    previewRole: 'p',
    executeRole: 'e',
    witnessRole: 'w',
    previewTokenRole: 'pt',
    executeTokenRole: 'et',
  };
}
