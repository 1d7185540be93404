import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { examplePolicyStore } from '../../apps/devstack/operations/policy-store.js';
import { examplePolicies, placesOfTargets } from '../../apps/devstack/place.js';
import { createAgentSigner, createGatewayAgent } from '../../src/client/index.js';
import type { ProcessName } from '../../src/core/schemas/statements.js';
import { readBundleFiles } from '../../src/policy/bundle-files.js';
import { loadFiles, packBundle, type LoadedBundle } from '../../src/policy/governed/bundle-document.js';
import { readPointer, readStoredBundle } from '../../src/policy/governed/policy-store.js';
import { writeBundle } from '../../src/policy/write-bundle.js';
import { agentOf, personAt, PLAIN_EXPORT, until } from '../support/actors.js';
import { after } from '../support/policy-changes.js';
import { NOTHING, tracesOf } from '../adversarial/traces.js';
import { startStack, type Stack } from '../support/stack.js';
import { until as untilTrue } from '../support/until.js';
import { run } from '../unit/cli/run.js';

const PROCESSES: readonly ProcessName[] = ['gateway', 'worker', 'executor', 'notary'];
const HOUR_MS = 3_600_000;

const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const author = createAgentSigner({ agentId: 'policy-author', privateKey: pem });
const renewed = createAgentSigner({
  agentId: 'export-bot',
  privateKey: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
});
let folder: string;
let stack: Stack;
/** The newest bundle, and the action that put it in force: the tests follow on one another. */
let inForce: { bundle: LoadedBundle; actionId: string };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-policy-'));
  await writeFile(join(folder, 'author.pem'), pem, { mode: 0o600 });
  stack = await startStack({
    install: { further: [examplePolicyStore] },
    async prepare(installation) {
      const policies = join(folder, 'bundle');
      await writeBundle(examplePolicies, policies, {
        agentKeys: { 'policy-author': author.publicKey.publicKey },
        targets: placesOfTargets(installation),
      });
      const settings = {
        COUNTERSIGN_POLICY_MOUNT: installation.vault.mounts.policy,
        COUNTERSIGN_POLICY_POLL_SECONDS: '1',
      };
      return { policies, extra: Object.fromEntries(PROCESSES.map((process) => [process, settings])) };
    },
  });
});
afterAll(async () => {
  await stack.close();
  await rm(folder, { recursive: true, force: true });
});

/** By the command line, from a folder. @returns the action's id */
async function propose(next: LoadedBundle): Promise<string> {
  const dir = join(folder, 'next');
  await mkdir(dir, { recursive: true });
  for (const [name, { text }] of next.files) await writeFile(join(dir, name), text);
  const author = ['--agent', 'policy-author', '--key-file', join(folder, 'author.pem')];
  const where = ['--gateway', stack.gatewayUrl, '--json'];
  const asking = ['policy', 'propose', dir, '--reason', 'Longer reviews', ...author, ...where];
  const { exitCode, stdout, stderr } = await run(asking, { nowMs: Date.now });
  expect(exitCode, stderr).toBe(0);
  return (JSON.parse(stdout) as { actionId: string }).actionId;
}

/** Which processes have put such a statement on record. */
async function saidBy(kind: 'adoption' | 'alarm', like: string): Promise<string[]> {
  return stack.installation.inRecord(async (client) => {
    const { rows } = await client.query<{ process: string }>(
      'select distinct process from countersign.statements where kind = $1 and key like $2',
      [kind, like],
    );
    return rows.map(({ process }) => process);
  });
}

it('is proposed, approved by two, and in force everywhere without a restart', async () => {
  const before = loadFiles(await readBundleFiles(stack.place.policyDir), 'of the test');
  const next = after(before, 'database-export.cedar', '@expire("2h")', '@expire("3h")');
  const actionId = await propose(next);
  const gateway = createGatewayAgent({ url: stack.gatewayUrl, signer: author });
  const held = await until(gateway, actionId, ({ state }) => state === 'waiting', 60_000);
  expect(held.plan?.stages).toEqual([{ group: 'security', quorum: 2 }]);
  expect(held.flags.map(({ code }) => code)).toContain('policy_loosened');
  expect(held.preview?.content.text).toContain('-@expire("2h")\n+@expire("3h")');

  const [ines, erin, fay, ben] = await Promise.all(['ines', 'erin', 'fay', 'ben'].map((id) => personAt(stack, id)));
  await expect(ines?.decideOn(actionId, 'approve')).rejects.toMatchObject({ code: 'self_approval' });
  await erin?.decideOn(actionId, 'approve');
  await fay?.decideOn(actionId, 'approve');
  const done = await gateway.wait(actionId, { timeoutMs: 60_000 });
  expect(done).toMatchObject({ state: 'done', lease: 'revoked', outcome: { status: 'succeeded' } });
  await untilTrue(
    async () => (await saidBy('adoption', `%/2/${next.policy.bundle.digest}`)).length === PROCESSES.length,
  );

  // Worker, gateway and executor judge by it: under the first bundle this plan would be too lax to run.
  const agent = agentOf(stack);
  const exportId = (await agent.request(PLAIN_EXPORT)).actionId;
  const waiting = await until(agent, exportId, ({ state }) => state === 'waiting');
  expect(waiting.plan?.expireAfterMs).toBe(3 * HOUR_MS);
  await ben?.decideOn(exportId, 'approve');
  expect(await agent.wait(exportId, { timeoutMs: 60_000 })).toMatchObject({ outcome: { status: 'succeeded' } });
  inForce = { bundle: next, actionId };
}, 180_000);

it('that changes an agent’s key leaves what it did readable, and lets nothing more run by the old key', async () => {
  const before = inForce.bundle;
  const old = agentOf(stack);
  const done = await old.list();
  const openId = (await old.request(PLAIN_EXPORT)).actionId;
  const unwanted = (await old.request(PLAIN_EXPORT)).actionId;
  for (const id of [openId, unwanted]) await until(old, id, ({ state }) => state === 'waiting');
  const { publicKey } = stack.installation.agent.publicKey;
  const next = after(before, 'directory.yaml', publicKey, renewed.publicKey.publicKey);
  const gateway = createGatewayAgent({ url: stack.gatewayUrl, signer: author });
  const actionId = await propose(next);
  await until(gateway, actionId, ({ state }) => state === 'waiting', 60_000);
  const people = await Promise.all(['erin', 'fay', 'gus', 'ben'].map((id) => personAt(stack, id)));
  const [erin, fay, , ben] = people;
  await erin?.decideOn(actionId, 'approve');
  await fay?.decideOn(actionId, 'approve');
  expect(await gateway.wait(actionId, { timeoutMs: 60_000 })).toMatchObject({ outcome: { status: 'succeeded' } });
  await untilTrue(
    async () => (await saidBy('adoption', `%/3/${next.policy.bundle.digest}`)).length === PROCESSES.length,
  );
  inForce = { bundle: next, actionId };

  const agent = createGatewayAgent({ url: stack.gatewayUrl, signer: renewed });
  const [earlier] = done.actions;
  expect(await agent.get(earlier?.actionId ?? '')).toMatchObject({ state: 'done', outcome: { status: 'succeeded' } });
  expect((await agent.list()).actions.map((each) => each.actionId)).toContain(earlier?.actionId);
  await expect(old.request(PLAIN_EXPORT)).rejects.toMatchObject({ code: 'signature_invalid' });
  await expect(old.withdraw(unwanted, 'Not needed.')).rejects.toMatchObject({ code: 'unauthenticated' });
  await agent.withdraw(unwanted, 'Not needed.');
  expect((await agent.wait(unwanted, { timeoutMs: 60_000 })).outcome?.status).toMatch(/^(withdrawn|cancelled)$/);
  // What waited can still be decided on; the executor does not run it.
  await ben?.decideOn(openId, 'approve');
  const refused = await agent.wait(openId, { timeoutMs: 60_000 });
  expect(refused).toMatchObject({ state: 'done', outcome: { status: 'refused', code: 'agent_changed' } });
  expect(refused.outcome?.message).toContain('ask again');
  expect(await tracesOf(stack, openId)).toMatchObject(NOTHING);
}, 180_000);

it('edited by hand is only an alarm', async () => {
  const agent = createGatewayAgent({ url: stack.gatewayUrl, signer: renewed });
  await editByHand(loadFiles(await readBundleFiles(stack.place.policyDir), 'of the test'), inForce);
  await untilTrue(async () => (await saidBy('alarm', '%/policy_tampered/%')).length === PROCESSES.length);
  const otherId = (await agent.request({ ...PLAIN_EXPORT, reason: 'Once more' })).actionId;
  expect((await until(agent, otherId, ({ state }) => state === 'waiting')).plan?.expireAfterMs).toBe(3 * HOUR_MS);
}, 180_000);

/** The bundle before, as an administrator of Vault writes it over the one in force. */
async function editByHand(before: LoadedBundle, now: typeof inForce): Promise<void> {
  const { vaultAdmin, vault } = stack.installation;
  const place = { mount: vault.mounts.policy };
  const { number } = now.bundle.policy.bundle;
  const old = { ...before.policy.bundle, change: now.actionId };
  const [bundle, pointer] = [await readStoredBundle(vaultAdmin, place, number), await readPointer(vaultAdmin, place)];
  await vaultAdmin.write(`${place.mount}/data/bundles/${String(number)}`, {
    options: { cas: bundle.version },
    data: { ...old, document: packBundle(before.files) },
  });
  await vaultAdmin.write(`${place.mount}/data/current`, { options: { cas: pointer.version }, data: old });
}
