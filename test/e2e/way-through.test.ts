import { readFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { agentOf, personAt, PLAIN_EXPORT, until, type PersonAtGateway } from '../support/actors.js';
import { clearHistoryOf } from '../support/clear-history.js';
import { startStack, type Stack } from '../support/stack.js';

let stack: Stack;
let ben: PersonAtGateway;

beforeAll(async () => {
  stack = await startStack();
  ben = await personAt(stack, 'ben');
});
afterAll(async () => {
  await stack.close();
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
    await rm(folder, { recursive: true });
    expect((await agent.get(actionId)).timeline.at(-1)?.kind).toBe('fetch');
  });

  it('keeps the history within its budget and free of credentials', async () => {
    const agent = agentOf(stack);
    const { actionId } = await agent.request(PLAIN_EXPORT);
    await until(agent, actionId, ({ state }) => state === 'waiting');
    await ben.decideOn(actionId, 'approve');
    const done = await agent.wait(actionId, { timeoutMs: 60_000 });
    const handle = stack.client.workflow.getHandle(workflowIdOf(actionId));
    await handle.result();
    const history = await handle.fetchHistory();
    const text = JSON.stringify(await clearHistoryOf(stack.client, workflowIdOf(actionId)));
    expect(history.events?.length).toBeLessThanOrEqual(48);
    expect(Number((await handle.describe()).historySize)).toBeLessThanOrEqual(48 * 1024);
    expect(text).not.toMatch(/hvs\.|hvb\.|password/i);
    for (const { accessor } of done.leases) expect(text).not.toContain(accessor);
  });

  it('ends with a denial, and no credential was ever leased to run it', async () => {
    const agent = agentOf(stack);
    const { actionId } = await agent.request(PLAIN_EXPORT);
    await until(agent, actionId, ({ state }) => state === 'waiting');
    expect(await ben.decideOn(actionId, 'deny', 'wrong table')).toMatchObject({ state: 'denied' });
    const done = await agent.wait(actionId, { timeoutMs: 60_000 });
    expect(done).toMatchObject({ outcome: { status: 'denied', code: 'denied_by_person' }, lease: 'none' });
  });

  it('ends when the agent withdraws', async () => {
    const agent = agentOf(stack);
    const { actionId } = await agent.request(PLAIN_EXPORT);
    await until(agent, actionId, ({ state }) => state === 'waiting');
    await agent.withdraw(actionId, 'not needed');
    expect((await agent.wait(actionId, { timeoutMs: 60_000 })).outcome?.status).toBe('withdrawn');
  });
});
