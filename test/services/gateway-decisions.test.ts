import { createHash } from 'node:crypto';
import { ulid } from 'ulid';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { signInByDevice } from '../../apps/devstack/services/oidc-device-sign-in.js';
import { createAgentToken } from '../../src/client/agent-token.js';
import type { AgentSigner } from '../../src/client/agent-signer.js';
import { createGatewayAgent, type CountersignGateway } from '../../src/client/gateway.js';
import { signWithdrawal } from '../../src/client/requests.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { payloadDigest, type Envelope } from '../../src/core/dsse.js';
import type { ActionView } from '../../src/record/action-view.js';
import { anotherExport } from '../support/another-export.js';
import { createBrowser } from '../support/browser.js';
import { makeKey } from '../support/signing.js';
import { startStack, type Stack, type StartedProcess } from '../support/stack.js';
import { until } from '../support/until.js';

let stack: Stack;
let worker: StartedProcess;
let agent: CountersignGateway;
let signer: AgentSigner;
const tokens = new Map<string, string>();

beforeAll(async () => {
  stack = await startStack({ processes: ['executor', 'notary', 'gateway'] });
  worker = await stack.start('worker');
  signer = { ...stack.installation.agent.signer, agentId: 'export-bot', publicKey: stack.installation.agent.publicKey };
  agent = createGatewayAgent({ url: stack.gatewayUrl, signer });
  const { issuer, resource } = inject('services').oidc;
  for (const personId of ['ana', 'ben', 'carol', 'dave', 'olivia', 'olivia-admin', 'paul']) {
    const person = { issuer, clientId: 'countersign-cli', resource, scope: 'openid', personId };
    tokens.set(personId, await signInByDevice(person));
  }
});

afterAll(async () => {
  await stack.close();
});

interface Answer {
  status: number;
  headers: Headers;
  json: Record<string, unknown>;
}

async function call(
  method: string,
  path: string,
  options: { as?: string; key?: string; body?: unknown } = {},
): Promise<Answer> {
  const { as, key, body } = options;
  const authorization = as === undefined ? undefined : `Bearer ${tokens.get(as) ?? ''}`;
  const answer = await fetch(`${stack.gatewayUrl}/v1${path}`, {
    method,
    headers: {
      ...(authorization === undefined ? {} : { authorization }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, headers: answer.headers, json: (await answer.json()) as Answer['json'] };
}

async function waiting(reason = 'Monthly report'): Promise<ActionView> {
  const params = {
    target: 'orders',
    query: 'select id, status from orders where id < 10',
    format: 'csv',
    ...anotherExport(),
  };
  const { actionId } = await agent.request({ operation: 'database.export', params, reason });
  await untilWaiting(actionId);
  return agent.get(actionId);
}

async function untilWaiting(actionId: string): Promise<void> {
  await until(async () => {
    const { state, outcome, refusals } = await agent.get(actionId);
    if (state === 'done' || refusals.length > 0)
      throw new Error(`It never waited: ${JSON.stringify([outcome, refusals])}`);
    return state === 'waiting';
  });
}

const decide = (action: ActionView, as: string, key: string, body: object) =>
  call('POST', `/actions/${action.actionId}/decision`, {
    as,
    key,
    body: { actionDigest: action.actionDigest, ...body },
  });
const approval = { decision: 'approve', reason: 'Checked.' };

describe('a decision that does not count is refused by name and on record, and the action waits on:', () => {
  let action: ActionView;

  beforeAll(async () => {
    action = await waiting();
  });

  const attempts: [name: string, as: string, body: object, status: number, code: string, field: string | null][] = [
    ['nonsense', 'carol', { decision: 'maybe' }, 400, 'field_invalid', 'decision'],
    ['none', 'carol', { reason: 'Yes' }, 400, 'field_invalid', 'decision'],
    ['with something extra', 'carol', { ...approval, force: true }, 400, 'field_invalid', 'force'],
    ['about no version', 'carol', { ...approval, actionDigest: null }, 400, 'field_invalid', 'actionDigest'],
    [
      'about another version',
      'carol',
      { ...approval, actionDigest: 'a'.repeat(64) },
      409,
      'digest_mismatch',
      'actionDigest',
    ],
    ["by the agent's owner", 'olivia', approval, 403, 'self_approval', null],
    ["by the owner's alias, who is in the group", 'olivia-admin', approval, 403, 'self_approval', null],
    ['by a prompter', 'paul', approval, 403, 'self_approval', null],
    ['by someone in no group', 'ana', approval, 403, 'not_an_approver', null],
    ['by a group that is not yet escalated to', 'dave', approval, 403, 'not_an_approver', null],
    ['a denial by someone in no group', 'ana', { decision: 'deny', reason: 'No' }, 403, 'not_an_approver', null],
    ['a denial without a reason', 'carol', { decision: 'deny' }, 422, 'reason_missing', 'reason'],
    [
      'a denial with a blank reason',
      'carol',
      { decision: 'deny', reason: ' \u0007 ' },
      422,
      'reason_missing',
      'reason',
    ],
    ['a reason that is too long', 'carol', { ...approval, reason: 'x'.repeat(2_001) }, 400, 'field_invalid', 'reason'],
  ];

  it.each(attempts)('%s', async (_name, as, body, status, code, field) => {
    const before = await countRefusals(code);
    expect((await decide(action, as, ulid(), body)).json).toMatchObject({ status, code, field });
    expect(await countRefusals(code)).toBe(before + 1);
    expect(await agent.get(action.actionId)).toMatchObject({ state: 'waiting', decisions: [] });
  });

  it('without an idempotency key', async () => {
    const body = { ...approval, actionDigest: action.actionDigest };
    const answer = await call('POST', `/actions/${action.actionId}/decision`, { as: 'carol', body });
    expect(answer.json).toMatchObject({ status: 400, code: 'field_invalid', field: 'idempotency-key' });
  });

  it('about an unknown action', async () => {
    const before = await countRefusals('action_unknown');
    const body = { ...approval, actionDigest: 'a'.repeat(64) };
    const answer = await call('POST', `/actions/${ulid()}/decision`, { as: 'carol', key: ulid(), body });
    expect(answer.json).toMatchObject({ status: 404, code: 'action_unknown', field: 'actionId' });
    expect(await countRefusals('action_unknown')).toBe(before + 1);
  });

  it('shows on the action who tried and why not', async () => {
    const { refusals } = await agent.get(action.actionId);
    expect(refusals).toContainEqual(expect.objectContaining({ code: 'self_approval', who: 'person/olivia' }));
    expect(refusals).toContainEqual(expect.objectContaining({ code: 'not_an_approver', who: 'person/ana' }));
  });
});

describe('an approval', () => {
  it('counts once however often it is sent, lets the action run, and its output is the agent’s to fetch', async () => {
    const action = await waiting();
    const key = ulid();
    const answers = await Promise.all([1, 2, 3].map(() => decide(action, 'carol', key, approval)));
    for (const answer of answers) expect(answer).toMatchObject({ status: 200, json: { state: 'filled', open: [] } });
    const done = await agent.wait(action.actionId, { timeoutMs: 30_000 });
    expect(done).toMatchObject({ state: 'done', outcome: { status: 'succeeded' } });
    expect(done.decisions).toHaveLength(1);
    expect(await decide(action, 'carol', key, approval)).toMatchObject({ status: 200, json: { state: 'filled' } });
    const reused = await decide(action, 'carol', key, { decision: 'deny', reason: 'Changed my mind' });
    expect(reused.json).toMatchObject({ status: 409, code: 'idempotency_key_reused' });
    expect((await decide(action, 'ben', ulid(), approval)).json).toMatchObject({ status: 409, code: 'action_closed' });
    await checkOutput(done);
    await checkStatements(done);
  });

  it('that no worker could hear is on record, and is answered when it is sent again', async () => {
    const action = await waiting();
    await worker.stop();
    const key = ulid();
    expect(await decide(action, 'carol', key, approval)).toMatchObject({ status: 503, json: { code: 'unavailable' } });
    expect((await agent.get(action.actionId)).decisions).toHaveLength(1);
    worker = await stack.start('worker');
    expect(await decide(action, 'carol', key, approval)).toMatchObject({ status: 200, json: { state: 'filled' } });
    const done = await agent.wait(action.actionId, { timeoutMs: 30_000 });
    expect(done.decisions).toHaveLength(1);
    expect(done.outcome?.status).toBe('succeeded');
  });

  it('that was recorded but never delivered is delivered when the person decides so again', async () => {
    const action = await waiting();
    await recordOnly(action, 'carol');
    expect((await agent.get(action.actionId)).state).toBe('approved');
    expect(await decide(action, 'carol', ulid(), approval)).toMatchObject({ status: 200, json: { state: 'filled' } });
    const done = await agent.wait(action.actionId, { timeoutMs: 30_000 });
    expect(done.decisions).toHaveLength(1);
    expect(done.outcome?.status).toBe('succeeded');
  });

  it('by the same person again is refused', async () => {
    const params = { target: 'orders', query: 'select email from customers', format: 'csv', ...anotherExport() };
    const { actionId } = await agent.request({ operation: 'database.export', params, reason: 'Newsletter' });
    await untilWaiting(actionId);
    const action = await agent.get(actionId);
    expect(await decide(action, 'ben', ulid(), approval)).toMatchObject({ json: { state: 'waiting' } });
    for (const body of [approval, { decision: 'deny', reason: 'After all not' }]) {
      const again = await decide(action, 'ben', ulid(), body);
      expect(again.json).toMatchObject({ status: 409, code: 'already_decided' });
    }
    await decide(action, 'carol', ulid(), { decision: 'deny', reason: 'Too many addresses' });
    expect(await agent.wait(actionId, { timeoutMs: 30_000 })).toMatchObject({ outcome: { status: 'denied' } });
  });
});

describe('a withdrawal', () => {
  it('by the agent ends the action; the same again is answered the same, another comes too late', async () => {
    const { actionId, requestDigest } = await waiting();
    const path = `/actions/${actionId}/withdrawal`;
    const envelope = await signWithdrawal({ actionId, requestDigest, reason: 'No longer needed' }, signer);
    expect((await call('POST', path, { body: envelope })).status).toBe(200);
    expect(await agent.wait(actionId, { timeoutMs: 30_000 })).toMatchObject({ outcome: { status: 'withdrawn' } });
    expect((await call('POST', path, { body: envelope })).status).toBe(200);
    const late = await signWithdrawal({ actionId, requestDigest, reason: 'Really not' }, signer);
    expect((await call('POST', path, { body: late })).json).toMatchObject({ status: 409, code: 'action_closed' });
  });

  it('by anyone else, or of another action, does nothing', async () => {
    const { actionId, requestDigest } = await waiting();
    const other = await waiting();
    const stranger = { ...makeKey('agent/export-bot').signer, agentId: 'export-bot', publicKey: signer.publicKey };
    const path = `/actions/${actionId}/withdrawal`;
    const forged = await signWithdrawal({ actionId, requestDigest, reason: 'x' }, stranger);
    expect((await call('POST', path, { body: forged })).json).toMatchObject({ status: 403, code: 'signature_invalid' });
    const elsewhere = await signWithdrawal(
      { actionId: other.actionId, requestDigest: other.requestDigest, reason: 'x' },
      signer,
    );
    expect((await call('POST', path, { body: elsewhere })).json).toMatchObject({
      status: 409,
      code: 'action_id_mismatch',
    });
    expect((await call('POST', path, { body: { withdraw: true } })).json).toMatchObject({ code: 'envelope_malformed' });
    expect((await agent.get(actionId)).state).toBe('waiting');
    await agent.withdraw(actionId, 'End of the test');
    await agent.withdraw(other.actionId, 'End of the test');
  });
});

describe('people', () => {
  it('see in the list what is asked and by whom, and wait until it changes', async () => {
    const action = await waiting('List me');
    const listed = await call('GET', '/actions?open=true&agent=export-bot&limit=5', { as: 'ana' });
    expect(listed.json['actions']).toContainEqual(
      expect.objectContaining({
        actionId: action.actionId,
        state: 'waiting',
        request: expect.objectContaining({ agent: 'export-bot', reason: 'List me' }) as unknown,
        preview: { summary: action.preview?.summary },
        quorum: { filled: false, open: [{ group: 'dba', places: 1 }] },
      }),
    );
    const path = `/actions/${action.actionId}/wait?timeoutSeconds=20`;
    const first = await call('GET', path, { as: 'ana' });
    const change = call('GET', `${path}&sinceRevision=${String(first.json['revision'])}`, { as: 'ana' });
    await agent.withdraw(action.actionId, 'Seen');
    expect((await change).json['revision']).not.toBe(first.json['revision']);
    const none = await call('GET', '/actions/01ARZ3NDEKTSV4RRFFQ69G5FAV', { as: 'ana' });
    expect(none.json).toMatchObject({ status: 404, code: 'action_unknown' });
  });

  it('cannot sign in with an answer that this browser did not ask for', async () => {
    const victim = createBrowser();
    await victim.open(`${stack.gatewayUrl}/sign-in?returnTo=/queue`);
    const page = await victim.open(`${stack.gatewayUrl}/callback?code=stolen&state=guessed`);
    expect(page.status).toBe(401);
    expect([...victim.cookies.keys()].some((name) => name.endsWith('countersign-session'))).toBe(false);
    expect((await createBrowser().open(`${stack.gatewayUrl}/callback?code=x&state=y`)).status).toBe(401);
  });
});

/** As a gateway leaves it that dies between recording a decision and sending it. */
async function recordOnly(action: ActionView, person: string): Promise<void> {
  const { record } = await stack.installation.become('gateway');
  const { runId } = await stack.client.workflow.getHandle(workflowIdOf(action.actionId)).describe();
  const { actionId, requestDigest, actionDigest, round } = action;
  const body = {
    round,
    actionDigest: actionDigest ?? '',
    runId,
    decision: 'approve' as const,
    reason: '',
    approver: { person, groups: ['data-owner', 'dba'] },
    via: { channel: 'api', subject: person, eventId: `${person}/${ulid()}` },
    decidedAtMs: Date.now(),
  };
  await record.append([{ kind: 'decision', actionId, requestDigest, body }]);
}

async function checkOutput(done: ActionView): Promise<void> {
  const path = `/v1/actions/${done.actionId}/output`;
  const fetchOutput = async (authorization: string) => fetch(stack.gatewayUrl + path, { headers: { authorization } });
  const use = { audience: stack.gatewayUrl, method: 'GET', url: stack.gatewayUrl + path, nowMs: Date.now() };
  const answer = await fetchOutput(`Countersign-Agent ${await createAgentToken(signer, use)}`);
  const bytes = Buffer.from(await answer.arrayBuffer());
  const digest = createHash('sha256').update(bytes).digest();
  expect(answer.headers.get('repr-digest')).toBe(`sha-256=:${digest.toString('base64')}:`);
  expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="${done.actionId}.csv"`);
  expect(done.outcome?.result?.['sha256']).toBe(digest.toString('hex'));
  expect(bytes.toString().split('\n')[0]).toContain('id,status');
  const { timeline } = await agent.get(done.actionId);
  expect(timeline.filter(({ kind }) => kind === 'fetch')).toHaveLength(1);
  expect((await fetchOutput(`Bearer ${tokens.get('carol') ?? ''}`)).status).toBe(403);
}

async function checkStatements(done: ActionView): Promise<void> {
  const { json } = await call('GET', `/actions/${done.actionId}/statements`, { as: 'carol' });
  const digests = (json['statements'] as Envelope[]).map(payloadDigest);
  expect(digests.slice(0, done.timeline.length)).toEqual(done.timeline.map(({ digest }) => digest));
}

async function countRefusals(code: string): Promise<number> {
  const { rows } = await stack.installation.inRecord((client) =>
    client.query<{ envelope: string }>("select envelope from countersign.statements where kind = 'refusal'"),
  );
  const text = rows.map(({ envelope }) => Buffer.from((JSON.parse(envelope) as Envelope).payload, 'base64').toString());
  return text.filter((statement) => statement.includes(`"code":"${code}"`)).length;
}
