import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGatewayApi, type GatewayApi } from '../../src/client/api.js';
import { createGatewayHttp } from '../../src/client/http.js';
import type { CountersignGateway } from '../../src/client/index.js';
import { signWithdrawal } from '../../src/client/requests.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { agentOf, agentSigner, personAt, until as untilView, type PersonAtGateway } from '../support/actors.js';
import { startStack, type Stack } from '../support/stack.js';
import { until } from '../support/until.js';
import { LONG_EXPORT, untilExporting } from './long-export.js';
import { GONE, tracesOf } from './traces.js';

/** The promise is a minute with the shipped interval; here the sweeper comes every two seconds. */
const GONE_WITHIN_MS = 15_000;

let stack: Stack;
let agent: CountersignGateway;
let ben: PersonAtGateway;
/** The signature is the authentication. */
let anyone: GatewayApi;

beforeAll(async () => {
  stack = await startStack({ sweepSeconds: 2 });
  agent = agentOf(stack);
  ben = await personAt(stack, 'ben');
  anyone = createGatewayApi(createGatewayHttp({ baseUrl: stack.gatewayUrl, authorize: async () => null }));
});
afterAll(async () => {
  await stack.close();
});

async function exporting(): Promise<string> {
  const { actionId } = await agent.request(LONG_EXPORT);
  await untilView(agent, actionId, ({ state }) => state === 'waiting');
  await ben.decideOn(actionId, 'approve');
  await untilExporting(stack, actionId);
  return actionId;
}

async function filesOf(actionId: string): Promise<string[]> {
  return (await readdir(stack.place.artefactsDir)).filter((name) => name.startsWith(actionId));
}

async function isGone(actionId: string): Promise<boolean> {
  const { users, sessions, tokens, vaultLeases } = await tracesOf(stack, actionId);
  return users + sessions + tokens + vaultLeases === 0;
}

/** By the same signed withdrawal, sent again and again, and by another one. */
async function endTwice(actionId: string): Promise<void> {
  const { requestDigest } = await agent.get(actionId);
  const envelope = await signWithdrawal({ actionId, requestDigest, reason: 'Not needed any more' }, agentSigner(stack));
  const send = () => anyone.withdraw(actionId, envelope);
  expect(await Promise.all([send(), send(), agent.withdraw(actionId, 'Once more')])).toEqual([
    'ending',
    'ending',
    'ending',
  ]);
  await untilView(agent, actionId, ({ receipt }) => receipt !== null);
  expect(await send()).toBe('ending');
  const { timeline } = await agent.get(actionId);
  expect(timeline.filter(({ kind }) => kind === 'withdrawal').length).toBeGreaterThan(0);
  await expect(agent.withdraw(actionId, 'Too late')).rejects.toMatchObject({ code: 'action_closed' });
}

describe('a workflow that is ended while its export runs', () => {
  it.each<[string, (actionId: string) => Promise<unknown>, RegExp]>([
    [
      'terminated',
      (actionId) => stack.client.workflow.getHandle(workflowIdOf(actionId)).terminate('stop'),
      /^(failed|interrupted)$/,
    ],
    [
      'deleted',
      (actionId) =>
        stack.client.workflowService.deleteWorkflowExecution({
          namespace: stack.namespace,
          workflowExecution: { workflowId: workflowIdOf(actionId) },
        }),
      /^(failed|interrupted)$/,
    ],
    ['cancelled', (actionId) => stack.client.workflow.getHandle(workflowIdOf(actionId)).cancel(), /^interrupted$/],
    ['ended by its agent', endTwice, /^interrupted$/],
  ])('%s: lease, user, session and file go, and a receipt says so', async (_, end, status) => {
    const actionId = await exporting();
    expect(await filesOf(actionId)).toEqual([`${actionId}.csv.partial`]);
    expect(await tracesOf(stack, actionId)).toMatchObject({ users: 1, vaultLeases: 1, tokens: 1, effects: 1 });
    await end(actionId);
    await until(() => isGone(actionId), GONE_WITHIN_MS);
    const done = await untilView(agent, actionId, ({ receipt }) => receipt !== null);
    expect(done.outcome?.status).toMatch(status);
    expect(done).toMatchObject({ state: 'done', lease: 'revoked' });
    expect(done.leases.every(({ proofs }) => proofs.length > 0)).toBe(true);
    expect(await filesOf(actionId)).toEqual([]);
    expect(await tracesOf(stack, actionId)).toMatchObject({ ...GONE, leases: 1, claims: 1, effects: 1 });
  });
});

describe('a workflow that is ended while it waits', () => {
  it.each<[string, (actionId: string) => Promise<unknown>]>([
    ['terminated', (actionId) => stack.client.workflow.getHandle(workflowIdOf(actionId)).terminate('stop')],
    [
      'deleted',
      (actionId) =>
        stack.client.workflowService.deleteWorkflowExecution({
          namespace: stack.namespace,
          workflowExecution: { workflowId: workflowIdOf(actionId) },
        }),
    ],
    ['cancelled', (actionId) => stack.client.workflow.getHandle(workflowIdOf(actionId)).cancel()],
  ])('%s: gets a receipt, and counts no longer against the quota', async (_, end) => {
    const { actionId } = await agent.request(LONG_EXPORT);
    await untilView(agent, actionId, ({ state }) => state === 'waiting');
    await end(actionId);
    const done = await untilView(agent, actionId, ({ receipt }) => receipt !== null);
    expect(done).toMatchObject({ state: 'done', lease: 'none', outcome: { status: 'cancelled' } });
    expect(await tracesOf(stack, actionId)).toMatchObject({ ...GONE, leases: 0, effects: 0 });
  });

  it('after thousands of attempts: their statements do not keep the receipt from being signed', async () => {
    const { actionId } = await agent.request(LONG_EXPORT);
    const { requestDigest } = await untilView(agent, actionId, ({ state }) => state === 'waiting');
    const body = { code: 'decisions_missing', field: null, message: 'Once more.', who: null, sentDigest: null };
    const { record } = await stack.installation.become('executor');
    const attempts = Array.from({ length: 1_001 }, (_, count) => ({
      kind: 'refusal' as const,
      actionId,
      requestDigest,
      body,
      key: String(count),
    }));
    await Promise.all(attempts.map((attempt) => record.append([attempt])));
    await stack.client.workflow.getHandle(workflowIdOf(actionId)).terminate('stop');
    const done = await untilView(agent, actionId, ({ receipt }) => receipt !== null);
    expect(done).toMatchObject({ state: 'done', outcome: { status: 'cancelled' } });
  });

  it('refused by policy after the preview: gets a receipt with the reason', async () => {
    // Everybody's personal data, and more rows than may leave by an agent, is forbidden; the worker knows by the preview.
    const params = {
      target: 'orders',
      query: 'select a.email from customers a, customers b, customers c, orders d',
      format: 'csv',
    };
    const { actionId } = await agent.request({ ...LONG_EXPORT, params });
    const done = await untilView(agent, actionId, ({ receipt }) => receipt !== null);
    expect(done.outcome).toMatchObject({ status: 'refused', code: 'policy_forbids' });
  });
});
