import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CountersignGateway } from '../../src/client/index.js';
import { decideUpdate, reviewStateQuery } from '../../src/contracts/workflow.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import type { Envelope } from '../../src/core/dsse.js';
import type { StatementBody } from '../../src/core/schemas/statements.js';
import type { ActionView } from '../../src/record/action-view.js';
import { agentOf, personAt, PLAIN_EXPORT, until } from '../support/actors.js';
import { anotherExport } from '../support/another-export.js';
import { makeKey, sealStatement, type TestKey } from '../support/signing.js';
import { startStack, type Stack } from '../support/stack.js';
import { until as untilTrue } from '../support/until.js';
import { activitiesIn, untilJudged } from './history.js';
import { plantStatement } from './plant.js';
import { applicationFailureIn } from './forger.js';
import { NOTHING, refusalsOf, statementsOf, tracesOf } from './traces.js';

let stack: Stack;
let agent: CountersignGateway;

beforeAll(async () => {
  stack = await startStack();
  agent = agentOf(stack);
});
afterAll(async () => {
  await stack.close();
});

async function hold(asked: typeof PLAIN_EXPORT = PLAIN_EXPORT): Promise<ActionView> {
  const { actionId } = await agent.request(asked);
  const held = await until(agent, actionId, ({ state }) => state === 'waiting');
  // The plan is on record a moment before the workflow opens its review.
  await untilTrue(async () => (await handleOf(held).query(reviewStateQuery)).phase === 'waiting');
  return held;
}

function handleOf({ actionId }: ActionView) {
  return stack.client.workflow.getHandle(workflowIdOf(actionId));
}

/** An approval by ben as the gateway would state it, signed by whom the attacker can sign as. */
async function forgedApproval(held: ActionView, key: TestKey): Promise<Envelope> {
  const body: StatementBody<'decision'> = {
    round: held.round,
    actionDigest: held.actionDigest ?? '',
    runId: (await handleOf(held).describe()).runId,
    decision: 'approve',
    reason: 'fine',
    approver: { person: 'ben', groups: ['dba'] },
    via: { channel: 'api', subject: 'ben', eventId: 'forged' },
    decidedAtMs: Date.now(),
  };
  return sealStatement('decision', held.actionId, held.requestDigest, body, key);
}

describe('nobody approves their own agent', () => {
  it.each([
    ['its owner', 'olivia'],
    ['its owner under a second account, which is a DBA', 'olivia-admin'],
    ['somebody who can prompt it', 'paul'],
  ])('%s is refused, on record', async (_, person) => {
    const held = await hold();
    const somebody = await personAt(stack, person);
    await expect(somebody.decideOn(held.actionId, 'approve')).rejects.toMatchObject({ code: 'self_approval' });
    expect(await agent.get(held.actionId)).toMatchObject({ state: 'waiting', decisions: [] });
    expect(await refusalsOf(stack, held.actionId)).toEqual(['self_approval']);
    expect(await tracesOf(stack, held.actionId)).toEqual(NOTHING);
  });
});

describe('a quorum of two', () => {
  it('is not filled by one person who is in both groups, asked twice or signalled again; another person fills it', async () => {
    const params = { target: 'orders', query: 'select email from customers', format: 'csv', ...anotherExport() };
    const held = await hold({ ...PLAIN_EXPORT, params });
    expect(held.plan?.stages).toEqual([
      { group: 'data-owner', quorum: 1 },
      { group: 'dba', quorum: 1 },
    ]);
    const carol = await personAt(stack, 'carol');
    const half = { state: 'waiting', open: [{ group: 'dba', places: 1 }] };
    expect(await carol.decideOn(held.actionId, 'approve', 'as data owner')).toEqual(half);
    const again = carol.decideOn(held.actionId, 'approve', 'as DBA');
    await expect(again).rejects.toMatchObject({ code: 'already_decided' });
    const decided = (await statementsOf(stack, 'decision')).find(({ actionId }) => actionId === held.actionId);
    expect(decided?.body.approver).toEqual({ person: 'carol', groups: ['data-owner', 'dba'] });
    await handleOf(held).signal('decide', decided?.envelope);
    await untilJudged(handleOf(held), 1);
    expect(await handleOf(held).query(reviewStateQuery)).toMatchObject({ phase: 'waiting', approvals: ['carol'] });
    expect(activitiesIn(await handleOf(held).fetchHistory(), 'runUnderLease')).toBe(0);
    expect(await tracesOf(stack, held.actionId)).toEqual(NOTHING);

    const ben = await personAt(stack, 'ben');
    expect(await ben.decideOn(held.actionId, 'approve')).toEqual({ state: 'filled', open: [] });
    const done = await agent.wait(held.actionId, { timeoutMs: 60_000 });
    expect(done).toMatchObject({ outcome: { status: 'succeeded' }, lease: 'revoked' });
    const claim = (await statementsOf(stack, 'claim')).find(({ actionId }) => actionId === held.actionId);
    expect([...(claim?.body.approvers ?? [])].sort()).toEqual(['ben', 'carol']);
  });
});

describe('no decision without the gateway', () => {
  it("counts no signal that the agent signed, that nobody signed, or that is another action's", async () => {
    const [held, other] = [await hold(), await hold()];
    await (await personAt(stack, 'ben')).decideOn(other.actionId, 'approve');
    const decided = (await statementsOf(stack, 'decision')).find(({ actionId }) => actionId === other.actionId);
    const signals: unknown[] = [
      { approved: true },
      await forgedApproval(held, stack.installation.agent),
      await forgedApproval(held, makeKey(stack.installation.keys.keys[0]?.keyid ?? '')),
      decided?.envelope,
    ];
    expect(decided).toBeDefined();
    for (const signal of signals) await handleOf(held).signal('decide', signal);
    await untilJudged(handleOf(held), signals.length);
    expect(await handleOf(held).query(reviewStateQuery)).toMatchObject({ phase: 'waiting', approvals: [] });
    expect(activitiesIn(await handleOf(held).fetchHistory(), 'runUnderLease')).toBe(0);
    expect(await tracesOf(stack, held.actionId)).toEqual(NOTHING);
  });

  it.each<[string, (held: ActionView) => Promise<unknown>, string]>([
    ['signed by the agent', (held) => forgedApproval(held, stack.installation.agent), 'key_unknown'],
    [
      "signed by a key under the gateway's name",
      (held) => forgedApproval(held, makeKey(decisionKeyId())),
      'signature_invalid',
    ],
    ['that is no envelope', async () => ({ approved: true }), 'envelope_malformed'],
    ['that is nothing', async () => null, 'envelope_malformed'],
  ])('refuses an update %s', async (_, envelopeOf, type) => {
    const held = await hold();
    const envelope = (await envelopeOf(held)) as Envelope;
    const sent = handleOf(held).executeUpdate(decideUpdate, { args: [envelope] });
    expect(applicationFailureIn(await sent.catch((error: unknown) => error))?.type).toBe(type);
    expect(await handleOf(held).query(reviewStateQuery)).toMatchObject({ phase: 'waiting', approvals: [] });
  });

  it('runs nothing on a decision that was planted in the record under a wrong key', async () => {
    const held = await hold();
    const envelope = await forgedApproval(held, makeKey(decisionKeyId()));
    await plantStatement(stack, { kind: 'decision', actionId: held.actionId, envelope, process: 'gateway' });
    // Whoever can write there can as well write to the namespace.
    await handleOf(held).signal('decide', envelope);
    await untilJudged(handleOf(held), 1);
    const ben = await personAt(stack, 'ben');
    await expect(ben.decideOn(held.actionId, 'approve')).rejects.toMatchObject({ code: 'statement_invalid' });
    expect(activitiesIn(await handleOf(held).fetchHistory(), 'runUnderLease')).toBe(0);
    expect(await tracesOf(stack, held.actionId)).toEqual(NOTHING);
  });
});

function decisionKeyId(): string {
  const key = stack.installation.keys.keys.find(({ purpose }) => purpose === 'decision');
  if (key === undefined) throw new Error('the keyring lists no decision key');
  return key.keyid;
}
