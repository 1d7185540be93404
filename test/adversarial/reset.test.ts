import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CountersignGateway } from '../../src/client/index.js';
import { reviewStateQuery } from '../../src/contracts/workflow.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { agentOf, personAt, PLAIN_EXPORT, until as untilView, type PersonAtGateway } from '../support/actors.js';
import { startStack, type Stack } from '../support/stack.js';
import { until } from '../support/until.js';
import { untilJudged } from './history.js';
import { LONG_EXPORT, untilExporting } from './long-export.js';
import { resetTo, type ResetPoint } from './reset.js';
import { GONE, NOTHING, refusalsOf, statementsOf, tracesOf, type Traces } from './traces.js';

/** The promise is a minute with the shipped interval; here the sweeper comes every two seconds. */
const GONE_WITHIN_MS = 15_000;

let stack: Stack;
let agent: CountersignGateway;
let ben: PersonAtGateway;

beforeAll(async () => {
  stack = await startStack({ processes: ['worker', 'notary', 'gateway'] });
  agent = agentOf(stack);
  ben = await personAt(stack, 'ben');
});
afterAll(async () => {
  await stack.close();
});

async function approve(asked: typeof PLAIN_EXPORT = PLAIN_EXPORT): Promise<string> {
  const { actionId } = await agent.request(asked);
  await untilView(agent, actionId, ({ state }) => state === 'waiting');
  await ben.decideOn(actionId, 'approve');
  return actionId;
}

function isGone({ users, sessions, tokens, vaultLeases }: Traces): boolean {
  return users + sessions + tokens + vaultLeases === 0;
}

function reviewOf(actionId: string) {
  return stack.client.workflow.getHandle(workflowIdOf(actionId)).query(reviewStateQuery);
}

describe('a reset before the action ran', () => {
  it('leads back to the review; the approval of the old run counts neither as update nor as signal', async () => {
    const actionId = await approve();
    const [decided] = (await statementsOf(stack, 'decision')).filter((decision) => decision.actionId === actionId);
    await stack.client.workflow.getHandle(workflowIdOf(actionId)).signal('decide', decided?.envelope);
    const runId = await resetTo(stack, actionId, 'before the approval');
    await untilJudged(stack.client.workflow.getHandle(workflowIdOf(actionId), runId), 1);
    expect(await reviewOf(actionId)).toMatchObject({ phase: 'waiting', round: 1, approvals: [] });

    const executor = await stack.start('executor');
    expect(await tracesOf(stack, actionId)).toEqual(NOTHING);
    expect(await ben.decideOn(actionId, 'approve')).toMatchObject({ state: 'filled' });
    expect(await agent.wait(actionId, { timeoutMs: 30_000 })).toMatchObject({ outcome: { status: 'succeeded' } });
    expect(await tracesOf(stack, actionId)).toMatchObject({ claims: 1, effects: 1, leases: 1 });
    await executor.stop();
  });

  it('is asked again in another round when the executor had been asked already', async () => {
    const actionId = await approve();
    // Nobody handles it: it gives the run a task to be reset to, while the executor is away.
    await stack.client.workflow.getHandle(workflowIdOf(actionId)).signal('wake');
    await resetTo(stack, actionId, 'after the approval');
    const executor = await stack.start('executor');
    const again = await untilView(agent, actionId, ({ round, state }) => round === 2 && state === 'waiting');
    expect(again.reopened?.code).toBe('decisions_missing');
    expect(again.decisions.filter(({ current }) => current)).toEqual([]);
    expect(await refusalsOf(stack, actionId)).toEqual(['decisions_missing']);
    expect(await tracesOf(stack, actionId)).toEqual(NOTHING);

    await until(async () => (await reviewOf(actionId)).phase === 'waiting');
    expect(await ben.decideOn(actionId, 'approve')).toMatchObject({ state: 'filled' });
    expect(await agent.wait(actionId, { timeoutMs: 30_000 })).toMatchObject({ outcome: { status: 'succeeded' } });
    expect(await tracesOf(stack, actionId)).toMatchObject({ claims: 1, effects: 1, leases: 1 });
    await executor.stop();
  });
});

describe('a reset while the export is under way', () => {
  it.each<ResetPoint>(['before the approval', 'after the approval'])(
    'to %s ends the lease of the first run and what runs under it; nothing begins again, and the new run tells it',
    async (point) => {
      const executor = await stack.start('executor');
      const actionId = await approve(LONG_EXPORT);
      const handle = stack.client.workflow.getHandle(workflowIdOf(actionId));
      if (point === 'after the approval') await handle.signal('wake');
      await untilExporting(stack, actionId);
      const begun = await tracesOf(stack, actionId);
      expect(begun).toMatchObject({ users: 1, tokens: 1, vaultLeases: 1, claims: 1, effects: 1, leases: 1 });

      await resetTo(stack, actionId, point);
      await until(async () => isGone(await tracesOf(stack, actionId)), GONE_WITHIN_MS);
      const done = await agent.wait(actionId, { timeoutMs: 60_000 });
      expect(done).toMatchObject({ state: 'done', lease: 'revoked' });
      expect(done.outcome?.status).toMatch(/^(failed|interrupted|unknown)$/);
      expect(await handle.result()).toMatchObject({ outcome: done.outcome, lease: 'revoked' });
      expect(await tracesOf(stack, actionId)).toMatchObject({ ...GONE, claims: 1, effects: 1 });
      expect((await readdir(stack.place.artefactsDir)).filter((name) => name.startsWith(actionId))).toEqual([]);
      const { record } = await stack.installation.become('notary');
      for (const name of ['gateway', 'worker', 'executor', 'notary'] as const)
        expect(await record.verifyChain(name)).toMatchObject({ faults: [] });
      await executor.stop();
    },
  );
});

describe('a reset after the action ran', () => {
  it.each<ResetPoint>(['before the approval', 'after the approval'])('to %s runs nothing again', async (point) => {
    const executor = await stack.start('executor');
    const actionId = await approve();
    const done = await agent.wait(actionId, { timeoutMs: 30_000 });
    const handle = stack.client.workflow.getHandle(workflowIdOf(actionId));
    await handle.result();
    const before = await tracesOf(stack, actionId);
    expect(before).toMatchObject({ claims: 1, effects: 1, leases: 1, tokens: 0, users: 0 });

    await resetTo(stack, actionId, point);
    if (point === 'after the approval') {
      expect(await handle.result()).toMatchObject({ outcome: done.outcome, lease: 'revoked' });
    } else {
      await until(async () => (await reviewOf(actionId)).phase === 'waiting');
      await expect(ben.decideOn(actionId, 'approve')).rejects.toMatchObject({ code: 'action_closed' });
      await handle.terminate();
    }
    expect(await tracesOf(stack, actionId)).toEqual(before);
    expect((await agent.get(actionId)).receipt).toEqual(done.receipt);
    await executor.stop();
  });
});
