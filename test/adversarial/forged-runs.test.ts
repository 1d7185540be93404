import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TASK_QUEUES } from '../../src/contracts/activities.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import type { CountersignGateway } from '../../src/client/index.js';
import { agentOf, personAt, PLAIN_EXPORT, until } from '../support/actors.js';
import { newActionId } from '../support/signing.js';
import { startStack, type Stack } from '../support/stack.js';
import { startForger, type Forger } from './forger.js';
import { NOTHING, refusalsOf, statementsOf, tracesOf } from './traces.js';

let stack: Stack;
let forger: Forger;
let agent: CountersignGateway;
let held: string;
/** Approved by ben, then terminated before an executor was there to run it. */
let approved: string;

beforeAll(async () => {
  // Without the notary's sweeper: what stops an attack is the executor.
  stack = await startStack({ processes: ['worker', 'gateway'], sweepSeconds: 60 });
  agent = agentOf(stack);
  held = await hold();
  approved = await hold();
  await (await personAt(stack, 'ben')).decideOn(approved, 'approve');
  await terminate(approved);
  await stack.start('executor');
  forger = await startForger(stack);
});
afterAll(async () => {
  await forger.close();
  await stack.close();
});

async function hold(): Promise<string> {
  const { actionId } = await agent.request(PLAIN_EXPORT);
  await until(agent, actionId, ({ state }) => state === 'waiting');
  return actionId;
}

async function terminate(actionId: string): Promise<void> {
  await stack.client.workflow.getHandle(workflowIdOf(actionId)).terminate('attack');
}

function runUnderLease(actionId: unknown, round: unknown = 1) {
  return { taskQueue: TASK_QUEUES.executor, activity: 'runUnderLease', args: [{ actionId, round }] };
}

describe('a forged workflow at the executor', () => {
  it('is refused for an action that nobody asked for', async () => {
    const actionId = newActionId();
    const before = (await refusalsOf(stack, null)).length;
    expect(await forger.run(workflowIdOf(actionId), runUnderLease(actionId))).toMatchObject({
      kind: 'refused',
      type: 'statement_missing',
    });
    expect(await tracesOf(stack, actionId)).toEqual(NOTHING);
    expect((await refusalsOf(stack, null)).slice(before)).toEqual(['statement_missing']);
  });

  it('is refused for a held action under a name of its own', async () => {
    expect(await forger.run(`forged/${randomUUID()}`, runUnderLease(held))).toMatchObject({
      kind: 'refused',
      type: 'action_id_mismatch',
    });
    expect(await tracesOf(stack, held)).toEqual(NOTHING);
    expect(await refusalsOf(stack, held)).toContain('action_id_mismatch');
  });

  it('runs nothing under the name of a held action that nobody approved', async () => {
    const actionId = await hold();
    await terminate(actionId);
    expect(await forger.run(workflowIdOf(actionId), runUnderLease(actionId))).toMatchObject({
      kind: 'answered',
      result: { kind: 'review_again', reopened: { code: 'decisions_missing' } },
    });
    expect(await tracesOf(stack, actionId)).toEqual(NOTHING);
    expect(await refusalsOf(stack, actionId)).toEqual(['decisions_missing']);
  });

  it('runs nothing on approvals that were given to another run', async () => {
    expect(await forger.run(workflowIdOf(approved), runUnderLease(approved))).toMatchObject({
      kind: 'answered',
      result: { kind: 'review_again', reopened: { code: 'decisions_missing' } },
    });
    expect(await tracesOf(stack, approved)).toEqual(NOTHING);
    expect(await refusalsOf(stack, approved)).toEqual(['decisions_missing']);
  });

  it('cannot choose a round that was never reviewed', async () => {
    expect(await forger.run(workflowIdOf(approved), runUnderLease(approved, 7))).toMatchObject({
      kind: 'refused',
      type: 'statement_missing',
    });
    expect(await tracesOf(stack, approved)).toEqual(NOTHING);
  });

  it.each([
    ['nothing at all', []],
    ['null', [null]],
    ['no action id', [{ round: 1 }]],
    ['a path for an action id', [{ actionId: '../../etc', round: 1 }]],
    ['an object for an action id', [{ actionId: { toString: 'x' }, round: 1 }]],
    ['a round that is no number', [{ actionId: '01K00000000000000000000000', round: '1' }]],
  ])('is refused with a typed code when it sends %s', async (_, args) => {
    const attack = { taskQueue: TASK_QUEUES.executor, activity: 'runUnderLease', args };
    expect(await forger.run(`forged/${randomUUID()}`, attack)).toMatchObject({
      kind: 'refused',
      type: 'field_invalid',
    });
  });

  it('cannot fill the record about an action by asking again and again', async () => {
    const attacks = Array.from({ length: 40 }, () => forger.run(`forged/${randomUUID()}`, runUnderLease(held)));
    for (const answer of await Promise.all(attacks)) expect(answer).toMatchObject({ type: 'action_id_mismatch' });
    expect((await refusalsOf(stack, held)).length).toBeLessThanOrEqual(32);
  });
});

describe('a stand-alone activity', () => {
  it.each<[string, () => Parameters<Forger['standAlone']>[0], string]>([
    ['runUnderLease of a held action', () => runUnderLease(held), 'run_unknown'],
    [
      'recordEscalation of a held action',
      () => ({
        taskQueue: TASK_QUEUES.worker,
        activity: 'recordEscalation',
        args: [{ actionId: held, round: 1, group: 'dba-lead', afterMs: 600_000 }],
      }),
      'action_id_mismatch',
    ],
  ])('%s is refused', async (_, attack, type) => {
    expect(await forger.standAlone(attack())).toMatchObject({ kind: 'refused', type });
    expect(await tracesOf(stack, held)).toEqual(NOTHING);
    const view = await agent.get(held);
    expect(view).toMatchObject({ state: 'waiting', receipt: null, escalated: [] });
  });

  it('puts the refusal of the executor on record', async () => {
    await forger.standAlone(runUnderLease(held));
    expect(await refusalsOf(stack, held)).toContain('run_unknown');
  });
});

describe('a forged workflow at the worker', () => {
  const escalation = (actionId: string, change: object = {}) => ({
    taskQueue: TASK_QUEUES.worker,
    activity: 'recordEscalation',
    args: [{ actionId, round: 1, group: 'dba-lead', afterMs: 600_000, ...change }],
  });

  it.each([
    ['before its time', {}],
    ['to a group that the plan does not name', { group: 'security' }],
    ['after a time that the plan does not name', { afterMs: 1 }],
    ['of a round that does not exist', { round: 2 }],
  ])('gets no escalation on record %s', async (_, change) => {
    expect(await forger.run(workflowIdOf(approved), escalation(approved, change))).toMatchObject({ kind: 'refused' });
    expect((await statementsOf(stack, 'escalation')).filter(({ actionId }) => actionId === approved)).toEqual([]);
  });
});

describe('at the notary', () => {
  beforeAll(async () => {
    await stack.start('notary');
  });

  const concludeAs = (actionId: string, ended: object): Parameters<Forger['run']>[1] => ({
    taskQueue: TASK_QUEUES.notary,
    activity: 'conclude',
    args: [{ actionId, ended, closing: false }],
  });

  it('a stand-alone activity closes nothing', async () => {
    const ended = { kind: 'not_run', status: 'denied', code: 'x', message: 'x' };
    expect(await forger.standAlone(concludeAs(held, ended))).toMatchObject({ type: 'action_id_mismatch' });
    expect(await agent.get(held)).toMatchObject({ state: 'waiting', receipt: null });
  });

  it.each<[string, object]>([
    ['ran', { kind: 'ran' }],
    ['succeeded', { kind: 'not_run', status: 'succeeded', code: 'succeeded', message: 'All rows exported.' }],
    ['denied', { kind: 'not_run', status: 'denied', code: 'denied_by_person', message: 'Denied by ana: no.' }],
    ['withdrawn', { kind: 'not_run', status: 'withdrawn', code: 'withdrawn_by_agent', message: 'x' }],
    ['expired', { kind: 'not_run', status: 'expired', code: 'expired', message: 'x' }],
    ['refused', { kind: 'not_run', status: 'refused', code: 'policy_forbids', message: 'x' }],
  ])('a forged workflow gets no receipt that says "%s" when the record does not', async (status, ended) => {
    const actionId = await hold();
    await terminate(actionId);
    const outcome = { status: 'interrupted', code: 'end_unproven' };
    const said = status === 'ran' ? 'as run' : `as "${status}"`;
    const answer = await forger.run(workflowIdOf(actionId), concludeAs(actionId, ended));
    expect(answer).toMatchObject({ kind: 'answered', result: { outcome, lease: 'none' } });
    const message = `The workflow ended ${said}, which the record does not show. Nothing ran.`;
    const stated = (await agent.get(actionId)).outcome;
    // What was refused leaves its receipt to the sweeper, which may have come by.
    if (status === 'refused') expect([undefined, 'ended_from_outside']).toContain(stated?.code);
    else expect(stated).toMatchObject({ ...outcome, message });
    expect(await tracesOf(stack, actionId)).toEqual(NOTHING);
  });
});
