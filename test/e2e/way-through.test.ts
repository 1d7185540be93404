import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { agentOf, personAt, PLAIN_EXPORT, until, type PersonAtGateway } from '../support/actors.js';
import { startHoldingProxy, type HoldingProxy } from '../support/holding-proxy.js';
import { keptTexts } from '../support/kept-texts.js';
import { startStack, type Stack } from '../support/stack.js';
import { NOTHING, tracesOf } from '../adversarial/traces.js';

let stack: Stack;
let ben: PersonAtGateway;
/** Between Vault and those who lease. */
let vault: HoldingProxy;
let exported: string;

beforeAll(async () => {
  vault = await startHoldingProxy(inject('services').vault.address);
  const COUNTERSIGN_VAULT_ADDRESS = vault.url;
  stack = await startStack({
    extra: { worker: { COUNTERSIGN_VAULT_ADDRESS }, executor: { COUNTERSIGN_VAULT_ADDRESS } },
  });
  ben = await personAt(stack, 'ben');
});
afterAll(async () => {
  await stack.close();
  await vault.close();
});

/** All database users of the target whose name holds the action's id. */
async function usersOf(actionId: string): Promise<number> {
  return stack.installation.inTarget(async (client) => {
    const { rowCount } = await client.query('select 1 from pg_roles where strpos(rolname, $1) > 0', [
      actionId.toLowerCase(),
    ]);
    return rowCount ?? 0;
  });
}

describe('the way of an export', () => {
  it('is held, approved, run under its own lease, revoked with proof, and fetched', async () => {
    const agent = agentOf(stack);
    const { actionId } = await agent.request(PLAIN_EXPORT);
    const held = await until(agent, actionId, ({ state }) => state === 'waiting');
    expect(held.plan?.stages).toEqual([{ group: 'dba', quorum: 1 }]);
    expect(held.preview?.content.text).toContain('select id, status from orders');
    expect(await ben.decideOn(actionId, 'approve')).toMatchObject({ state: 'filled' });

    const done = await agent.wait(actionId, { timeoutMs: 60_000 });
    exported = actionId;
    expect(done).toMatchObject({ state: 'done', lease: 'revoked', outcome: { status: 'succeeded' } });
    expect(done.leases.map(({ purpose, revokedAtMs }) => [purpose, revokedAtMs !== null])).toEqual([
      ['preview', true],
      ['execute', true],
    ]);
    expect(done.leases[1]?.username).toContain(actionId.toLowerCase());
    expect(done.leases[1]?.proofs.length).toBeGreaterThanOrEqual(4);
    expect(await usersOf(actionId)).toBe(0);

    const folder = await mkdtemp(join(tmpdir(), 'countersign-download-'));
    const { sha256 } = await agent.download(actionId, join(folder, 'out.csv'));
    expect(sha256).toBe(done.outcome?.result?.['sha256']);
    expect((await readFile(join(folder, 'out.csv'), 'utf8')).split('\r\n')[0]).toBe('id,status');
    expect((await agent.get(actionId)).timeline.at(-1)?.kind).toBe('fetch');

    // Whoever can write to the folder has put another file there, and a manifest that fits it.
    const manifest = join(stack.place.artefactsDir, `${actionId}.json`);
    const kept = await readFile(manifest, 'utf8');
    await writeFile(manifest, kept.replace(sha256, '0'.repeat(64)));
    const again = () => agent.download(actionId, join(folder, 'again.csv'));
    await expect(again()).rejects.toMatchObject({ code: 'artefact_corrupt' });
    await writeFile(manifest, kept);
    await rm(join(stack.place.artefactsDir, `${actionId}.csv`));
    await expect(again()).rejects.toMatchObject({ code: 'artefact_gone' });
    expect(await readdir(folder)).toEqual(['out.csv']);
    await rm(folder, { recursive: true });
    expect((await agent.get(actionId)).timeline.filter(({ kind }) => kind === 'fetch')).toHaveLength(1);
  });

  it('keeps the history within its budget', async () => {
    const agent = agentOf(stack);
    const { actionId } = await agent.request(PLAIN_EXPORT);
    await until(agent, actionId, ({ state }) => state === 'waiting');
    await ben.decideOn(actionId, 'approve');
    await agent.wait(actionId, { timeoutMs: 60_000 });
    const handle = stack.client.workflow.getHandle(workflowIdOf(actionId));
    await handle.result();
    const history = await handle.fetchHistory();
    expect(history.events?.length).toBeLessThanOrEqual(48);
    expect(Number((await handle.describe()).historySize)).toBeLessThanOrEqual(48 * 1024);
  });

  it('keeps no credential that Vault handed out: not in a history, not in the record', async () => {
    const secrets = vault.secrets();
    // Per action and lease a wrapping's token, the token in it, and a password; of the actions before, at least.
    expect(secrets.length).toBeGreaterThan(8);
    const kept = await keptTexts(stack);
    expect(secrets.filter((secret) => kept.some((text) => text.includes(secret)))).toEqual([]);
    const { leases } = await agentOf(stack).get(exported);
    const histories = kept.filter((text) => text.startsWith('{"events"'));
    expect(histories).not.toEqual([]);
    for (const { accessor } of leases) expect(histories.some((text) => text.includes(accessor))).toBe(false);
  });

  it('ends with a denial, and no credential was ever leased to run it', async () => {
    const agent = agentOf(stack);
    const { actionId } = await agent.request(PLAIN_EXPORT);
    await until(agent, actionId, ({ state }) => state === 'waiting');
    expect(await ben.decideOn(actionId, 'deny', 'wrong table')).toMatchObject({ state: 'denied' });
    const done = await agent.wait(actionId, { timeoutMs: 60_000 });
    expect(done).toMatchObject({ outcome: { status: 'denied', code: 'denied_by_person' }, lease: 'none' });
    expect(await tracesOf(stack, actionId)).toEqual(NOTHING);
  });

  it('ends when the agent withdraws', async () => {
    const agent = agentOf(stack);
    const { actionId } = await agent.request(PLAIN_EXPORT);
    await until(agent, actionId, ({ state }) => state === 'waiting');
    await agent.withdraw(actionId, 'not needed');
    expect((await agent.wait(actionId, { timeoutMs: 60_000 })).outcome?.status).toBe('withdrawn');
  });
});
