import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyStatements } from '../../src/evidence/verify-statements.js';
import { createAgentToken } from '../../src/client/agent-token.js';
import type { CountersignGateway } from '../../src/client/index.js';
import { agentOf, agentSigner, personAt, PLAIN_EXPORT, until, type PersonAtGateway } from '../support/actors.js';
import { startStack, type Stack } from '../support/stack.js';
import { askPastGateway } from '../adversarial/past-gateway.js';

// No order is in this currency when its statistics are made: the planner expects next to none.
const QUERY = "select id, total_cents from orders where currency = 'GBP'";
const GROWN = 20_000;
const AGENT = { kind: 'agent', agent: 'export-bot' } as const;

let stack: Stack;
let agent: CountersignGateway;
let ben: PersonAtGateway;
let mismatched: string;
/** Asked for before the agent was frozen. */
let pending: string;

beforeAll(async () => {
  stack = await startStack();
  agent = agentOf(stack);
  ben = await personAt(stack, 'ben');
  await inTarget('alter table orders set (autovacuum_enabled = false)');
  const [first, second] = [
    await agent.request({ ...PLAIN_EXPORT, params: { ...PLAIN_EXPORT.params, query: QUERY } }),
    await agent.request(PLAIN_EXPORT),
  ];
  [mismatched, pending] = [first.actionId, second.actionId];
  for (const actionId of [mismatched, pending]) await until(agent, actionId, ({ state }) => state === 'waiting');
  await inTarget(
    `insert into orders select 1000000 + n, 1, 'paid', 'GBP', 100, now() from generate_series(1, ${String(GROWN)}) n`,
  );
  await ben.decideOn(mismatched, 'approve');
  await agent.wait(mismatched, { timeoutMs: 60_000 });
});
afterAll(() => stack.close());

async function inTarget(sql: string): Promise<void> {
  await stack.installation.inTarget(async (client) => {
    await client.query(sql);
  });
}

async function refusalsOnRecord(code: string): Promise<number> {
  return stack.installation.inRecord(async (client) => {
    const { rows } = await client.query<{ payload: string }>(
      "select envelope::json ->> 'payload' payload from countersign.statements where kind = 'refusal'",
    );
    return rows.filter(({ payload }) => Buffer.from(payload, 'base64').toString().includes(`"code":"${code}"`)).length;
  });
}

describe('an export of far more than was declared', () => {
  it('ends as a mismatch: what was declared, what was observed, and its facts', async () => {
    const view = await agent.get(mismatched);
    expect(view).toMatchObject({
      state: 'done',
      lease: 'revoked',
      plan: { freeze: 'effect_mismatch' },
      outcome: { status: 'effect_mismatch', code: 'effect_mismatch', result: { rows: GROWN } },
      incidents: [{ code: 'effect_larger_than_preview', severity: 'high' }],
      freeze: { agent: 'export-bot', lifted: null },
    });
    expect(view.outcome?.message).toBe('20,000 rows were exported; the preview had said about 1.');
    expect(view.timeline.map(({ kind, signedBy }) => `${kind} by ${signedBy.split('/')[0] ?? ''}`)).toEqual(
      expect.arrayContaining(['result by executor', 'incident by executor', 'freeze by executor']),
    );
  });

  it('is not handed out', async () => {
    const file = join(tmpdir(), `countersign-withheld-${mismatched}`);
    await expect(agent.download(mismatched, file)).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('is listed for people, with its agent frozen, and not for agents', async () => {
    const { incidents, unreadable, next } = await ben.incidents();
    expect(incidents).toMatchObject([
      { actionId: mismatched, agent: 'export-bot', code: 'effect_larger_than_preview', severity: 'high', frozen: true },
    ]);
    expect([unreadable, next]).toEqual([[], null]);
    expect((await ben.incidents({ agent: 'another-bot' })).incidents).toEqual([]);
    const url = `${stack.gatewayUrl}/v1/incidents`;
    const token = await createAgentToken(agentSigner(stack), {
      audience: stack.gatewayUrl,
      method: 'GET',
      url,
      nowMs: Date.now(),
    });
    const answer = await fetch(url, { headers: { authorization: `Countersign-Agent ${token}` } });
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([403, 'forbidden']);
  });

  it('can be verified offline from its statements', async () => {
    const verdict = verifyStatements(await ben.statements(mismatched), {
      actionId: mismatched,
      keyring: stack.installation.keys,
      agentKeys: () => [stack.installation.agent.publicKey],
    });
    expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([]);
  });
});

describe('while the agent is frozen', () => {
  it('the gateway refuses what it asks for, on record, and says who can unfreeze it', async () => {
    const before = await refusalsOnRecord('agent_frozen');
    await expect(agent.request(PLAIN_EXPORT)).rejects.toMatchObject({
      code: 'agent_frozen',
      message: expect.stringMatching(/frozen since .* group incident-lead,/) as string,
    });
    expect(await refusalsOnRecord('agent_frozen')).toBe(before + 1);
  });

  it('the worker refuses what it starts by itself', async () => {
    expect((await askPastGateway(stack, PLAIN_EXPORT)).failure?.type).toBe('agent_frozen');
  });

  it('the executor refuses what people approved before they knew', async () => {
    await ben.decideOn(pending, 'approve');
    const { outcome, lease } = await agent.wait(pending, { timeoutMs: 60_000 });
    expect([outcome?.status, outcome?.code, lease]).toEqual(['refused', 'agent_frozen', 'none']);
  });
});

describe('unfreezing', () => {
  it.each([
    ['its owner', 'olivia', 'I know it', 'self_approval'],
    ['an alias of its owner', 'olivia-admin', 'I know it', 'self_approval'],
    ['a prompter', 'paul', 'I need it', 'self_approval'],
    ['an approver who is not in the group', 'ben', 'I approved it', 'not_an_approver'],
    ['a member of the group without a reason', 'erin', ' ', 'reason_missing'],
  ])('by %s is refused, on record', async (_who, id, reason, code) => {
    const before = await refusalsOnRecord(code);
    const person = await personAt(stack, id);
    await expect(person.unfreeze(AGENT, reason)).rejects.toMatchObject({ code });
    expect(await refusalsOnRecord(code)).toBe(before + 1);
    await expect(agent.request(PLAIN_EXPORT)).rejects.toMatchObject({ code: 'agent_frozen' });
  });

  it('of an unknown agent is refused', async () => {
    await expect(ben.unfreeze({ kind: 'agent', agent: 'nobody' }, 'x')).rejects.toMatchObject({
      code: 'agent_unknown',
    });
  });

  it('by another of the group lets it act again, and is shown with the action', async () => {
    const erin = await personAt(stack, 'erin');
    const { lifted } = await erin.unfreeze(AGENT, 'The orders were loaded on purpose.');
    expect(lifted.map(({ actionId }) => actionId)).toEqual([mismatched]);
    expect((await erin.unfreeze(AGENT, 'Once more.')).lifted).toEqual([]);
    expect((await ben.incidents()).incidents).toMatchObject([{ actionId: mismatched, frozen: false }]);
    expect((await agent.get(mismatched)).freeze?.lifted).toMatchObject({
      person: 'erin',
      reason: 'The orders were loaded on purpose.',
    });

    const { actionId } = await agent.request(PLAIN_EXPORT);
    await until(agent, actionId, ({ state }) => state === 'waiting');
    await ben.decideOn(actionId, 'approve');
    expect((await agent.wait(actionId, { timeoutMs: 60_000 })).outcome?.status).toBe('succeeded');
  });
});
