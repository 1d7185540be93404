import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CountersignGateway } from '../../src/client/index.js';
import { askPastGateway } from '../adversarial/past-gateway.js';
import { LONG_EXPORT, untilExporting } from '../adversarial/long-export.js';
import { tracesOf } from '../adversarial/traces.js';
import { agentOf, personAt, PLAIN_EXPORT, until as untilView, type PersonAtGateway } from '../support/actors.js';
import { startStack, type Stack } from '../support/stack.js';
import { until } from '../support/until.js';

const ALL = { kind: 'all' } as const;
const OPERATION = { kind: 'operation', operation: 'database.export' } as const;
const AGENT = { kind: 'agent', agent: 'export-bot' } as const;

let stack: Stack;
let agent: CountersignGateway;
let ben: PersonAtGateway;
let erin: PersonAtGateway;
let fay: PersonAtGateway;

beforeAll(async () => {
  stack = await startStack();
  agent = agentOf(stack);
  [ben, erin, fay] = await Promise.all([personAt(stack, 'ben'), personAt(stack, 'erin'), personAt(stack, 'fay')]);
});
afterAll(() => stack.close());

async function waiting(request = PLAIN_EXPORT): Promise<string> {
  const { actionId } = await agent.request(request);
  await untilView(agent, actionId, ({ state }) => state === 'waiting');
  return actionId;
}

async function ended(actionId: string) {
  return agent.wait(actionId, { timeoutMs: 60_000 });
}

describe('freezing everything', () => {
  let waits: string;
  let runs: string;
  let exported: string;

  beforeAll(async () => {
    exported = await waiting();
    await ben.decideOn(exported, 'approve');
    await ended(exported);
    waits = await waiting();
    runs = await waiting(LONG_EXPORT);
    await ben.decideOn(runs, 'approve');
    await untilExporting(stack, runs);
  });

  it('is for approvers', async () => {
    const paul = await personAt(stack, 'paul');
    await expect(paul.freeze(ALL, 'I want it to stop')).rejects.toMatchObject({ code: 'not_an_approver' });
    expect((await paul.freezes()).freezes).toEqual([]);
  });

  it('stops what runs: its session and its lease are gone', async () => {
    const { frozenAtMs } = await ben.freeze(ALL, 'Somebody talks through the export bot.');
    await until(async () => (await tracesOf(stack, runs)).sessions === 0);
    const { users, tokens, vaultLeases } = await untilRevoked(runs);
    console.log(`freeze: the session was gone ${String(Date.now() - frozenAtMs)} ms after the statement`);
    expect([users, tokens, vaultLeases]).toEqual([0, 0, 0]);
    const view = await ended(runs);
    expect(view).toMatchObject({ outcome: { status: 'interrupted', code: 'frozen' } });
    expect(view.outcome?.message).toContain('Frozen by ben: everything');
    expect((await untilView(agent, runs, ({ lease }) => lease === 'revoked')).receipt).not.toBeNull();
  });

  it('denies what waits, and says who froze it and why', async () => {
    const { outcome, lease } = await ended(waits);
    expect([outcome?.status, outcome?.code, lease]).toEqual(['denied', 'frozen', 'none']);
    expect(outcome?.message).toBe('Frozen by ben (everything): Somebody talks through the export bot.');
  });

  it('refuses what is asked for, at the gateway and in the worker', async () => {
    await expect(agent.request(PLAIN_EXPORT)).rejects.toMatchObject({
      code: 'frozen',
      message: expect.stringMatching(/^Frozen by ben: everything, since .* group incident-lead can lift it/) as string,
    });
    expect((await askPastGateway(stack, PLAIN_EXPORT)).failure?.type).toBe('frozen');
  });

  it('hands out no output of what ran before', async () => {
    const path = join(tmpdir(), `countersign-${exported}.csv`);
    await expect(agent.download(exported, path)).rejects.toMatchObject({ code: 'frozen' });
  });

  it('holds until two people of the group have lifted it', async () => {
    await expect(ben.unfreeze(ALL, 'It was I')).rejects.toMatchObject({ code: 'not_an_approver' });
    expect((await erin.unfreeze(ALL, 'The token was changed.')).waiting).toMatchObject([{ missing: 1 }]);
    expect((await erin.unfreeze(ALL, 'Really.')).waiting).toMatchObject([{ missing: 1 }]);
    await expect(agent.request(PLAIN_EXPORT)).rejects.toMatchObject({ code: 'frozen' });
    expect((await fay.freezes()).freezes).toMatchObject([{ scope: ALL, by: 'ben', lifts: [{ person: 'erin' }] }]);
    expect((await fay.unfreeze(ALL, 'I looked, too.')).lifted).toHaveLength(1);
    expect((await fay.freezes()).freezes).toEqual([]);
    const actionId = await waiting();
    await ben.decideOn(actionId, 'approve');
    expect((await ended(actionId)).outcome?.status).toBe('succeeded');
  });
});

describe('freezing an agent, and an operation', () => {
  it('ends what is open in its scope alone, whoever lifts the other', async () => {
    const first = await waiting();
    await ben.freeze({ kind: 'operation', operation: 'ssh.command' }, 'Another kind of action.');
    await ben.freeze(OPERATION, 'Exports leak.');
    expect((await ended(first)).outcome).toMatchObject({
      status: 'denied',
      code: 'frozen',
      // By the second freeze: the first did not touch it.
      message: expect.stringContaining('Exports leak.') as string,
    });
    await ben.freeze(AGENT, 'The bot, too.');
    for (const one of [erin, fay]) await one.unfreeze(OPERATION, 'Mended.');
    await expect(agent.request(PLAIN_EXPORT)).rejects.toMatchObject({ code: 'frozen', field: 'agent' });
    for (const one of [erin, fay]) await one.unfreeze(AGENT, 'Mended.');
    const actionId = await waiting();
    await agent.withdraw(actionId, 'Not needed');
  });
});

async function untilRevoked(actionId: string) {
  await until(async () => {
    const { users, tokens, vaultLeases } = await tracesOf(stack, actionId);
    return users + tokens + vaultLeases === 0;
  });
  return tracesOf(stack, actionId);
}
