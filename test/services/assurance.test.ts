import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { examplePolicies, placesOfTargets } from '../../apps/devstack/place.js';
import { signInByDevice } from '../../apps/devstack/services/oidc-device-sign-in.js';
import { createGatewayAgent, type CountersignGateway } from '../../src/client/gateway.js';
import { writeBundle } from '../../src/policy/write-bundle.js';
import type { ActionView } from '../../src/record/action-view.js';
import { latest } from '../../src/record/record.js';
import { anotherExport } from '../support/another-export.js';
import { createBrowser, type Browser } from '../support/browser.js';
import { startStack, type Stack } from '../support/stack.js';
import { until } from '../support/until.js';

/** What is asked of one table alone is decided in the full view. */
const WEB_PERMIT = `
@id("web-export")
@review("dba:1")
@expire("1h")
@lease("2m")
@assurance("web")
permit (principal in AgentGroup::"data-agents", action == Action::"database.export", resource in Environment::"production")
when { context.flags.contains("personal_data") };
`;

let stack: Stack;
let agent: CountersignGateway;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-assurance-'));
  stack = await startStack({
    prepare: async (installation) => {
      await writeBundle(examplePolicies, folder, {
        targets: placesOfTargets(installation),
      });
      await appendFile(join(folder, 'database-export.cedar'), WEB_PERMIT);
      return { policies: folder };
    },
  });
  const { agent: key } = stack.installation;
  const signer = { ...key.signer, agentId: 'export-bot', publicKey: key.publicKey };
  agent = createGatewayAgent({ url: stack.gatewayUrl, signer });
});

afterAll(async () => {
  await stack.close();
  await rm(folder, { recursive: true, force: true });
});

async function waiting(query: string): Promise<ActionView> {
  const params = { target: 'orders', query, format: 'csv', ...anotherExport() };
  const { actionId } = await agent.request({ operation: 'database.export', params, reason: 'Letters to customers' });
  await until(async () => {
    const { state, outcome } = await agent.get(actionId);
    if (state === 'done') throw new Error(`It never waited: ${JSON.stringify(outcome)}`);
    return state === 'waiting';
  });
  return agent.get(actionId);
}

const personal = () => waiting('select id, email from customers where id < 10');

/** Calls as the page in this browser would. */
async function callAs(browser: Browser, method: string, path: string, body?: object) {
  const cookie = [...browser.cookies]
    .filter(([key]) => key.startsWith(new URL(stack.gatewayUrl).host))
    .map(([key, value]) => `${key.split(' ')[1] ?? ''}=${value}`)
    .join('; ');
  const headers = { cookie, 'sec-fetch-site': 'same-origin' };
  const session = await fetch(`${stack.gatewayUrl}/session`, { headers });
  const { csrf = '' } = (await session.json()) as { csrf?: string };
  const proof = { 'x-countersign-csrf': csrf, 'idempotency-key': ulid(), 'content-type': 'application/json' };
  const answer = await fetch(stack.gatewayUrl + path, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : proof) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
}

async function bearer(personId: string): Promise<string> {
  const { issuer, resource } = inject('services').oidc;
  return `Bearer ${await signInByDevice({ issuer, clientId: 'countersign-cli', resource, scope: 'openid', personId })}`;
}

async function decideByToken(action: ActionView, decision: 'approve' | 'deny') {
  const answer = await fetch(`${stack.gatewayUrl}/v1/actions/${action.actionId}/decision`, {
    method: 'POST',
    headers: { authorization: await bearer('carol'), 'idempotency-key': ulid(), 'content-type': 'application/json' },
    body: JSON.stringify({ decision, reason: 'Looked at.', actionDigest: action.actionDigest }),
  });
  return { status: answer.status, json: (await answer.json()) as object };
}

describe('an action that policy lets people decide in the full view only', () => {
  it('is neither approved nor denied by a token, and the attempt is on record', async () => {
    const action = await personal();
    expect(action.plan?.assurance).toBe('web');
    for (const decision of ['approve', 'deny'] as const)
      expect(await decideByToken(action, decision)).toMatchObject({
        status: 403,
        json: { code: 'assurance_required', detail: expect.stringContaining('in the full view only') as unknown },
      });
    const seen = await agent.get(action.actionId);
    expect(seen).toMatchObject({ state: 'waiting', decisions: [] });
    expect(seen.refusals.map(({ code, who }) => [code, who])).toEqual([
      ['assurance_required', 'person/carol'],
      ['assurance_required', 'person/carol'],
    ]);
    await agent.withdraw(action.actionId, 'Seen');
  });

  it('runs once a person approved it there after a fresh sign-in, which the signed decision tells', async () => {
    const action = await personal();
    const browser = createBrowser();
    const begunAtMs = Date.now();
    const login = await browser.open(`${stack.gatewayUrl}/sign-in?fresh=1&returnTo=/view/${action.actionId}`);
    await browser.submit(login, { person: 'carol' });
    const path = `/v1/actions/${action.actionId}`;
    const { json } = await callAs(browser, 'GET', path);
    expect(json['you']).toEqual({
      mayDecide: true,
      mayDeny: true,
      why: 'You are in dba, who may decide now.',
      code: null,
      breakGlass: null,
      assurance: { needed: 'web', met: true, why: null },
    });
    const queue = await callAs(browser, 'GET', '/v1/queue');
    expect(queue.json['actions']).toEqual([
      expect.objectContaining({
        actionId: action.actionId,
        you: expect.objectContaining({ mayDecide: true }) as unknown,
      }),
    ]);
    const body = { decision: 'approve', reason: '', actionDigest: action.actionDigest };
    expect(await callAs(browser, 'POST', `${path}/decision`, body)).toMatchObject({
      status: 200,
      json: { state: 'filled' },
    });
    expect((await agent.wait(action.actionId)).outcome).toMatchObject({ status: 'succeeded' });

    const { record } = await stack.installation.become('gateway');
    const decision = latest(await record.ofAction(action.actionId), 'decision')?.body;
    expect(decision).toMatchObject({ via: { channel: 'web' }, approver: { person: 'carol' } });
    const { authTimeMs = 0, acr } = decision?.signIn ?? {};
    // The provider tells whole seconds.
    expect(authTimeMs).toBeGreaterThanOrEqual(begunAtMs - 1_000);
    expect(authTimeMs).toBeLessThanOrEqual(decision?.decidedAtMs ?? 0);
    expect(acr ?? null).toBeNull();
  });

  it('shows who may not decide why not, and is in the queue of their group all the same', async () => {
    const action = await personal();
    const browser = createBrowser();
    await browser.submit(await browser.open(`${stack.gatewayUrl}/sign-in`), { person: 'olivia-admin' });
    const queue = await callAs(browser, 'GET', '/v1/queue');
    expect(queue.json['actions']).toEqual([
      expect.objectContaining({
        actionId: action.actionId,
        you: expect.objectContaining({ mayDecide: false, mayDeny: false, code: 'self_approval' }) as unknown,
      }),
    ]);
    const stranger = createBrowser();
    await stranger.submit(await stranger.open(`${stack.gatewayUrl}/sign-in`), { person: 'ana' });
    expect((await callAs(stranger, 'GET', '/v1/queue')).json).toMatchObject({ actions: [], unreadable: [] });
    await agent.withdraw(action.actionId, 'Seen');
  });
});

describe('any other action', () => {
  it('is decided by a token, whose decision tells of no sign-in', async () => {
    const action = await waiting('select id, status from orders where id < 10');
    expect(action.plan?.assurance).toBe('any');
    expect(await decideByToken(action, 'deny')).toMatchObject({ status: 200, json: { state: 'denied' } });
    const { record } = await stack.installation.become('gateway');
    const decision = latest(await record.ofAction(action.actionId), 'decision')?.body;
    expect(decision).toMatchObject({ via: { channel: 'api' } });
    expect(decision).not.toHaveProperty('signIn');
  });
});
