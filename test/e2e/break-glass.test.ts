import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examplePolicies, placesOfTargets } from '../../apps/devstack/place.js';
import type { CountersignGateway } from '../../src/client/index.js';
import { lookSignal } from '../../src/contracts/retrospective.js';
import { retrospectiveIdOf, workflowIdOf } from '../../src/contracts/workflow-id.js';
import { decideSignal } from '../../src/contracts/workflow.js';
import { writeBundle } from '../../src/policy/write-bundle.js';
import type { ActionView } from '../../src/record/action-view.js';
import { makeKey, sealStatement } from '../support/signing.js';
import { agentOf, personAt, PLAIN_EXPORT, until as untilView, type PersonAtGateway } from '../support/actors.js';
import { startStack, type Stack } from '../support/stack.js';
import { until } from '../support/until.js';

const BURNS = 'The shop is down since 02:10, and no DBA picks up.';
const PERSONAL = { ...PLAIN_EXPORT.params, query: 'select id, email from customers' };

let stack: Stack;
let folder: string;
let agent: CountersignGateway;
const people = new Map<string, PersonAtGateway>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-glass-'));
  stack = await startStack({
    prepare: async (installation) => {
      await writeBundle(examplePolicies, folder, { targets: placesOfTargets(installation) });
      await edit('database-export.cedar', '@remind("5m")\n', '@remind("5m")\n@breakglass("security:2, 1m, 24h")\n');
      // Barred by nothing but that they prompt the agent.
      await edit('directory.yaml', 'security: [ erin, fay ]', 'security: [ erin, fay, paul, olivia-admin ]');
      return { policies: folder, extra: { worker: WEBHOOKS, notary: WEBHOOKS } };
    },
  });
  agent = agentOf(stack);
  const ids = ['ana', 'ben', 'carol', 'erin', 'fay', 'gus', 'paul', 'olivia-admin'];
  await Promise.all(ids.map(async (id) => people.set(id, await personAt(stack, id))));
});
afterAll(async () => {
  await stack.close();
  await rm(folder, { recursive: true, force: true });
});

// Nobody listens there: what is told is seen in the delivery log.
const receiver = {
  name: 'chat',
  url: 'http://127.0.0.1:9/',
  secret: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
};
const WEBHOOKS = { COUNTERSIGN_WEBHOOKS: JSON.stringify([receiver]) };

async function edit(file: string, from: string, to: string): Promise<void> {
  const path = join(folder, file);
  const text = await readFile(path, 'utf8');
  expect(text).toContain(from);
  await writeFile(path, text.replace(from, to));
}

function at(id: string): PersonAtGateway {
  const person = people.get(id);
  if (person === undefined) throw new Error(`${id} is not signed in`);
  return person;
}

async function waiting(request = PLAIN_EXPORT): Promise<ActionView> {
  const { actionId } = await agent.request(request);
  return untilView(agent, actionId, ({ state }) => state === 'waiting');
}

const breaks = ({ actionId, actionDigest }: ActionView, person: string, reason = BURNS) =>
  at(person).decide(actionId, {
    ...{ decision: 'approve', breakGlass: true, reason, actionDigest: actionDigest ?? '' },
    idempotencyKey: randomUUID(),
  });

const reviewed = (actionId: string, person: string, verdict: 'justified' | 'unjustified', reason = 'I read the log.') =>
  at(person).reviewBrokenGlass(actionId, { verdict, reason });

const eventsOf = async (actionId: string): Promise<string[]> =>
  (await at('ben').webhookDeliveries({ action: actionId })).deliveries.map(({ event }) => event);

describe('breaking the glass', () => {
  let first: ActionView;
  let next: ActionView;

  it('is nothing that an agent can ask for', async () => {
    const params = { ...PLAIN_EXPORT.params, breakGlass: true };
    await expect(agent.request({ ...PLAIN_EXPORT, params })).rejects.toMatchObject({ code: 'params_invalid' });
  });

  it('is refused to whoever may not, and where it may not', async () => {
    first = await waiting();
    expect(first.breakGlass).toMatchObject({ state: 'offered', open: [{ group: 'security', places: 2 }], debt: null });
    const refused: [string, string, string][] = [
      ['ben', BURNS, 'not_an_approver'],
      ['gus', BURNS, 'not_an_approver'],
      ['paul', BURNS, 'self_approval'],
      ['olivia-admin', BURNS, 'self_approval'],
      ['erin', 'prod down', 'reason_missing'],
    ];
    for (const [person, reason, code] of refused)
      await expect(breaks(first, person, reason), person).rejects.toMatchObject({ code });
    const personal = await waiting({ ...PLAIN_EXPORT, params: PERSONAL });
    await expect(breaks(personal, 'erin')).rejects.toMatchObject({ code: 'glass_not_offered' });
    await agent.withdraw(personal.actionId, 'Not needed');
    expect((await agent.get(first.actionId)).refusals).toHaveLength(refused.length);
  });

  it('takes two people: one, twice, and a forged signal are not enough', async () => {
    expect(await breaks(first, 'erin')).toMatchObject({ state: 'waiting', glass: [{ group: 'security', places: 1 }] });
    await expect(breaks(first, 'erin')).rejects.toMatchObject({ code: 'already_decided' });
    const { actionId, requestDigest, actionDigest, round } = first;
    const handle = stack.client.workflow.getHandle(workflowIdOf(actionId));
    const { runId } = await handle.describe();
    const body = {
      ...{ round, actionDigest: actionDigest ?? '', runId, decision: 'approve' as const, breakGlass: true as const },
      ...{ reason: BURNS, approver: { person: 'fay', groups: ['security'] }, decidedAtMs: Date.now() },
      via: { channel: 'api', subject: 'fay', eventId: 'forged' },
    };
    const forged = await sealStatement('decision', actionId, requestDigest, body, makeKey('decision/1'));
    await handle.signal(decideSignal, forged);
    expect((await agent.get(actionId)).state).toBe('waiting');
  });

  it('runs it at once, for a short while, and tells everyone', async () => {
    expect(await breaks(first, 'fay')).toMatchObject({ state: 'filled', glass: [] });
    const view = await agent.wait(first.actionId, { timeoutMs: 60_000 });
    expect(view.outcome?.status).toBe('succeeded');
    expect(view.breakGlass).toMatchObject({
      state: 'owed',
      by: [
        { person: 'erin', reason: BURNS },
        { person: 'fay', reason: BURNS },
      ],
      debt: { by: ['erin', 'fay'], open: ['dba'], retrospectives: [] },
    });
    const envelopes = await at('ben').statements(first.actionId);
    const bodies = envelopes.map(({ payload }) => JSON.parse(Buffer.from(payload, 'base64').toString()) as Stated);
    const lease = bodies.find(({ predicate }) => predicate.body['purpose'] === 'execute');
    expect(lease?.predicate.body['ttlSeconds']).toBe(60);
    await until(async () => (await eventsOf(first.actionId)).includes('glass_broken'));
    expect((await eventsOf(first.actionId)).filter((event) => event === 'glass_broken')).toHaveLength(1);
  });

  it('is owed a review, in a workflow that nobody can end', async () => {
    const { debts, unreadable } = await at('gus').debts();
    expect(unreadable).toEqual([]);
    expect(debts).toMatchObject([
      { actionId: first.actionId, by: ['erin', 'fay'], open: ['dba'], mayReview: ['ben', 'carol'], isOverdue: false },
    ]);
    const handle = stack.client.workflow.getHandle(retrospectiveIdOf(first.actionId));
    const runs = async (): Promise<boolean> =>
      handle.describe().then(
        ({ status }) => status.name === 'RUNNING',
        () => false,
      );
    await until(runs, 60_000);
    await handle.signal(lookSignal);
    await handle.signal('paid');
    await handle.terminate('I do not want to see it');
    await until(runs, 60_000);
    expect((await at('gus').debts()).debts).toHaveLength(1);
  });

  it('is nobody’s again until that is given', async () => {
    next = await waiting();
    await expect(breaks(next, 'erin')).rejects.toMatchObject({
      code: 'debt_unpaid',
      message: expect.stringContaining(first.actionId) as string,
    });
    const refused: [string, string][] = [
      ['erin', 'self_approval'],
      ['paul', 'self_approval'],
      ['gus', 'not_an_approver'],
    ];
    for (const [person, code] of refused)
      await expect(reviewed(first.actionId, person, 'justified'), person).rejects.toMatchObject({ code });
    await expect(reviewed(first.actionId, 'ben', 'justified', ' ')).rejects.toMatchObject({ code: 'reason_missing' });
    await expect(reviewed(next.actionId, 'ben', 'justified')).rejects.toMatchObject({ code: 'debt_unknown' });
  });

  it('is free again once it was reviewed, and an unjustified one opens an incident', async () => {
    expect(await reviewed(first.actionId, 'ben', 'unjustified', 'I was awake.')).toMatchObject({ open: [] });
    expect(await reviewed(first.actionId, 'ben', 'unjustified')).toMatchObject({ open: [] });
    await expect(reviewed(first.actionId, 'ben', 'justified')).rejects.toMatchObject({ code: 'already_reviewed' });
    expect(await agent.get(first.actionId)).toMatchObject({
      breakGlass: { state: 'paid', debt: { retrospectives: [{ person: 'ben', verdict: 'unjustified' }] } },
      incidents: [{ code: 'break_glass_unjustified', severity: 'high' }],
    });
    const handle = stack.client.workflow.getHandle(retrospectiveIdOf(first.actionId));
    await until(async () => (await handle.describe()).status.name === 'COMPLETED', 60_000);
    await until(async () => (await eventsOf(first.actionId)).includes('debt_paid'));
    for (const person of ['erin', 'fay']) await breaks(next, person);
    expect((await agent.wait(next.actionId, { timeoutMs: 60_000 })).breakGlass?.state).toBe('owed');
    await reviewed(next.actionId, 'carol', 'justified');
    expect((await at('gus').debts()).debts).toEqual([]);
  });

  it('is stopped by one denial, and leaves what its reviewers approve as it was', async () => {
    const denied = await waiting();
    await breaks(denied, 'erin');
    await at('ben').decideOn(denied.actionId, 'deny', 'It is not down.');
    expect((await agent.wait(denied.actionId, { timeoutMs: 60_000 })).outcome?.code).toBe('denied_by_person');
    const approved = await waiting();
    await breaks(approved, 'erin');
    await at('ben').decideOn(approved.actionId, 'approve');
    const view = await agent.wait(approved.actionId, { timeoutMs: 60_000 });
    expect(view).toMatchObject({ outcome: { status: 'succeeded' }, breakGlass: { state: 'offered', debt: null } });
    expect((await at('gus').debts()).debts).toEqual([]);
  });
});

interface Stated {
  predicate: { body: Record<string, unknown> };
}
