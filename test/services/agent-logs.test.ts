import { randomBytes } from 'node:crypto';
import { ulid } from 'ulid';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { TASK_QUEUES } from '../../src/contracts/activities.js';
import { PRIVILEGED_ACTION } from '../../src/contracts/workflow.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { createTemporalAgent, signRequest, type RequestInput, type SignedRequest } from '../../src/client/index.js';
import { sha256Hex } from '../../src/core/json.js';
import { REQUEST_LIMITS } from '../../src/core/schemas/action.js';
import type { ActionView } from '../../src/record/action-view.js';
import { agentOf, agentSigner, personAt, PLAIN_EXPORT, until, type PersonAtGateway } from '../support/actors.js';
import { clearHistoryOf } from '../support/clear-history.js';
import { startStack, type Stack } from '../support/stack.js';

let stack: Stack;
let ben: PersonAtGateway;

beforeAll(async () => {
  const target = (name: string, environment: string) => ({ name, environment, orders: 20 });
  stack = await startStack({
    install: { targets: [target('orders', 'production'), target('orders-staging', 'staging')] },
  });
  ben = await personAt(stack, 'ben');
});
afterAll(async () => {
  await stack.close();
});

const canary = (): string => randomBytes(12).toString('hex');
const secret = canary();
const line = `step ${canary()}`;
const LOG = `${line}\npassword=${secret}\nAuthorization: Bearer ${secret}\ndone`;
const KEPT = `${line}\npassword=[redacted: password]\nAuthorization: Bearer [redacted: authorization]\ndone`;
const REDACTIONS = [
  { rule: 'authorization', count: 1 },
  { rule: 'password', count: 1 },
];

const isWaiting = ({ state }: ActionView): boolean => state === 'waiting';
const sign = (input: Partial<RequestInput> = {}): Promise<SignedRequest> =>
  signRequest({ agent: 'export-bot', ...PLAIN_EXPORT, ...input }, agentSigner(stack));

async function post(path: string, body: unknown): Promise<{ status: number; json: Record<string, unknown> }> {
  const answer = await fetch(`${stack.gatewayUrl}/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
}

/** Starts the workflow as an agent with a Temporal client of its own would. */
async function start({ actionId, envelope }: SignedRequest): Promise<void> {
  await stack.client.workflow.start(PRIVILEGED_ACTION, {
    workflowId: workflowIdOf(actionId),
    taskQueue: TASK_QUEUES.worker,
    args: [{ request: envelope }],
  });
}

/** Every row of the record's database that holds a text, also inside of envelopes and bytes. */
async function rowsWith(text: string): Promise<string[]> {
  return stack.installation.inRecord(async (client) => {
    const { rows: tables } = await client.query<{ name: string }>(
      "select format('%I.%I', table_schema, table_name) as name from information_schema.tables where table_schema = 'countersign'",
    );
    const found: string[] = [];
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: Record<string, unknown> }>(`select to_jsonb(t) as row from ${name} t`);
      for (const { row } of rows) if (spellings(row).some((spelling) => spelling.includes(text))) found.push(name);
    }
    return found;
  });
}

/** A value as it is, and what the base64 and hex in it say, and in those. */
function spellings(value: unknown): string[] {
  return unpacked(JSON.stringify(value), 3);
}

function unpacked(text: string, depth: number): string[] {
  if (depth === 0) return [text];
  const base64 = (text.match(/[A-Za-z0-9+/]{24,}=*/g) ?? []).map((part) => Buffer.from(part, 'base64'));
  const hex = (text.match(/(?:[0-9a-f]{2}){12,}/g) ?? []).map((part) => Buffer.from(part, 'hex'));
  return [text, ...[...base64, ...hex].flatMap((bytes) => unpacked(bytes.toString('latin1'), depth - 1))];
}

/** The action, once the worker has put it on record. */
const known = (actionId: string): Promise<ActionView> => vi.waitFor(() => ben.get(actionId), { timeout: 30_000 });

describe('the log that an agent sends', () => {
  it('is shown with its secrets left out, and is nowhere else in clear: neither PostgreSQL nor Temporal', async () => {
    const agent = agentOf(stack);
    const { actionId } = await agent.request({ ...PLAIN_EXPORT, logs: LOG });
    const view = await until(agent, actionId, isWaiting);
    expect(view.logs).toMatchObject({
      sentSha256: sha256Hex(LOG),
      stored: { sha256: sha256Hex(KEPT), redactions: REDACTIONS },
    });
    expect(view.timeline.find(({ kind }) => kind === 'attachment')?.signedBy).toBe('intake/1');
    expect(await ben.logs(actionId)).toBe(KEPT);

    await ben.decideOn(actionId, 'approve');
    expect((await agent.wait(actionId, { timeoutMs: 60_000 })).outcome?.status).toBe('succeeded');
    const history = JSON.stringify(await clearHistoryOf(stack.client, workflowIdOf(actionId)));
    const payloads = spellings({ history });
    // The search finds what is there.
    expect(await rowsWith(PLAIN_EXPORT.reason)).toContain('countersign.statements');
    expect(payloads.some((payload) => payload.includes(sha256Hex(LOG)))).toBe(true);
    for (const text of [secret, line]) {
      expect(await rowsWith(text)).toEqual([]);
      expect(payloads.filter((payload) => payload.includes(text))).toEqual([]);
    }
  });

  it('is taken once: the same request again is answered the same', async () => {
    const { actionId, envelope, logs } = await sign({ logs: LOG });
    const answers = await Promise.all([1, 2, 3].map(() => post('/actions', { ...envelope, logs })));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
    const { timeline } = await agentOf(stack).get(actionId);
    expect(timeline.filter(({ kind }) => kind === 'attachment')).toHaveLength(1);
  });

  it.each<[what: string, logs: unknown, named: string | null, code: string]>([
    ['is another than the signed one', `${LOG} `, LOG, 'digest_mismatch'],
    ['is not named in the request', LOG, null, 'field_invalid'],
    ['is no text', { a: 1 }, LOG, 'field_invalid'],
    ['is too long', 'ö'.repeat(REQUEST_LIMITS.logBytes / 2 + 1), LOG, 'field_invalid'],
  ])('is refused when it %s: nothing is on record, and the answer does not quote it', async (_, logs, named, code) => {
    const { actionId, envelope } = await sign(named === null ? {} : { logs: named });
    const { json } = await post('/actions', { ...envelope, logs });
    expect(json).toMatchObject({ code, field: 'logs' });
    expect(JSON.stringify(json)).not.toContain(line);
    await expect(ben.get(actionId)).rejects.toMatchObject({ code: 'action_unknown' });
  });

  it('of 64 KiB that JSON writes six times as long is taken', async () => {
    const logs = '\u0001'.repeat(REQUEST_LIMITS.logBytes);
    const { actionId, envelope } = await sign({ logs });
    expect((await post('/actions', { ...envelope, logs })).status).toBe(202);
    expect(await ben.logs(actionId)).toBe(logs);
  });

  it('that was changed in the store is not shown', async () => {
    const text = `to be changed ${canary()}`;
    const { actionId } = await agentOf(stack).request({ ...PLAIN_EXPORT, logs: text });
    await stack.installation.inRecord(async (client) => {
      await client.query('alter table countersign.contents disable trigger keeps');
      await client.query("update countersign.contents set nonce = '\\x000000000000000000000000' where digest = $1", [
        sha256Hex(text),
      ]);
      await client.query('alter table countersign.contents enable trigger keeps');
    });
    await expect(ben.logs(actionId)).rejects.toMatchObject({ code: 'content_corrupt' });
    expect((await ben.get(actionId)).logs?.stored?.sha256).toBe(sha256Hex(text));
  });
});

describe('an agent that starts the workflow itself', () => {
  it('whose log was never sent is shown as such', async () => {
    const request = await sign({ logs: LOG });
    await start(request);
    await known(request.actionId);
    const view = await until(ben, request.actionId, isWaiting);
    expect(view.logs).toEqual({ sentSha256: sha256Hex(LOG), stored: null });
    await expect(ben.logs(request.actionId)).rejects.toMatchObject({
      code: 'not_found',
      message: 'The agent named a log but did not send it.',
    });
  });

  it.each(['before', 'after'])('sends its log %s the start', async (when) => {
    const request = await sign({ logs: LOG });
    const { actionId, envelope, logs } = request;
    const send = async (): Promise<void> => {
      const attached = { actionId, storedSha256: sha256Hex(KEPT), redactions: REDACTIONS };
      expect(await post(`/actions/${actionId}/logs`, { ...envelope, logs })).toMatchObject({
        status: 200,
        json: attached,
      });
    };
    if (when === 'before') await send();
    await start(request);
    await known(actionId);
    await until(ben, actionId, isWaiting);
    if (when === 'after') await send();
    expect(await ben.logs(actionId)).toBe(KEPT);
  });

  it('does both by its client', async () => {
    const agent = createTemporalAgent({
      client: stack.client,
      signer: agentSigner(stack),
      gateway: { url: stack.gatewayUrl },
    });
    const { actionId } = await agent.request({ ...PLAIN_EXPORT, logs: LOG });
    await until(ben, actionId, isWaiting);
    expect(await ben.logs(actionId)).toBe(KEPT);
  });

  it('without a gateway cannot send a log, and starts nothing', async () => {
    const agent = createTemporalAgent({ client: stack.client, signer: agentSigner(stack) });
    await expect(agent.request({ ...PLAIN_EXPORT, logs: LOG })).rejects.toMatchObject({ field: 'logs' });
  });

  it('cannot send the log of another action, none, or one to an action that has ended', async () => {
    const { actionId, envelope, logs, requestDigest } = await sign({ logs: LOG });
    const other = await sign({ logs: LOG });
    const attach = (id: string, body: object) => post(`/actions/${id}/logs`, body);
    expect((await attach(other.actionId, { ...envelope, logs })).json).toMatchObject({ code: 'action_id_mismatch' });
    expect((await attach(actionId, envelope)).json).toMatchObject({ code: 'field_invalid', field: 'logs' });
    await post('/actions', envelope);
    await until(ben, actionId, isWaiting);
    await agentOf(stack).withdraw(actionId, `not needed ${requestDigest}`);
    await until(ben, actionId, ({ state }) => state === 'done');
    expect((await attach(actionId, { ...envelope, logs })).json).toMatchObject({ code: 'action_closed' });
  });
});

describe('what people judge by', () => {
  it('the owners of the target and what the agent did before, with how it ended', async () => {
    const agent = agentOf(stack);
    const { actionId: earlier } = await agent.request(PLAIN_EXPORT);
    await until(agent, earlier, isWaiting);
    await ben.decideOn(earlier, 'deny', 'not now');
    await agent.wait(earlier, { timeoutMs: 60_000 });
    const { actionId } = await agent.request(PLAIN_EXPORT);
    const { context } = await until(agent, actionId, isWaiting);
    expect(context?.owners).toEqual(['carol']);
    expect(context?.recent[0]).toMatchObject({
      actionId: earlier,
      operation: 'database.export',
      target: 'orders',
      outcome: 'denied',
    });
    expect(context?.recent.length).toBeLessThanOrEqual(10);
  });

  it('the action that it replaces: how that one ended, and what is asked otherwise', async () => {
    const agent = agentOf(stack);
    const asked = { ...PLAIN_EXPORT };
    const ask = (replaces: string) =>
      agent.request({ ...asked, params: { ...asked.params, format: 'ndjson' }, replaces });
    const { actionId: earlier } = await agent.request(asked);
    await until(agent, earlier, isWaiting);
    await expect(ask(earlier)).rejects.toMatchObject({ code: 'not_replaceable', field: 'replaces' });
    await ben.decideOn(earlier, 'deny', 'NDJSON, please');
    await agent.wait(earlier, { timeoutMs: 60_000 });
    const { actionId } = await ask(earlier);
    const view = await until(agent, actionId, isWaiting);
    expect(view.request.replaces).toBe(earlier);
    expect(view.flags).toContainEqual(expect.objectContaining({ code: 'asked_again', severity: 'low' }));
    expect(view.preview?.facts.slice(0, 2)).toEqual([
      { label: 'Asked in the place of', value: `${earlier} (denied). Denied by ben: NDJSON, please` },
      { label: 'What is asked otherwise now', value: 'format: "csv" before, "ndjson" now' },
    ]);
    await ben.decideOn(actionId, 'approve');
    expect((await agent.wait(actionId, { timeoutMs: 60_000 })).outcome?.status).toBe('succeeded');
    await expect(ask(actionId)).rejects.toMatchObject({ code: 'not_replaceable', field: 'replaces' });
    await expect(ask(ulid())).rejects.toMatchObject({ code: 'action_unknown', field: 'replaces' });
  });

  it('and no action that its agent did not ask for, also when its workflow is started without the gateway', async () => {
    const signed = await sign({ replaces: ulid() });
    await start(signed);
    const agent = agentOf(stack);
    // On record once the worker has looked at it.
    await vi.waitFor(() => agent.get(signed.actionId), { timeout: 60_000 });
    const ended = await agent.wait(signed.actionId, { timeoutMs: 60_000 });
    expect(ended).toMatchObject({ lease: 'none', outcome: { status: 'refused', code: 'action_unknown' } });
  });

  it('that the agent read untrusted input: a flag, in the digest that people approve', async () => {
    const agent = agentOf(stack);
    const link = 'https://traces.example/run/1';
    const { actionId } = await agent.request({ ...PLAIN_EXPORT, tainted: true, link });
    const view = await until(agent, actionId, isWaiting);
    expect(view.request).toMatchObject({ tainted: true, link });
    expect(view.flags).toContainEqual(expect.objectContaining({ code: 'untrusted_input', severity: 'medium' }));
    await ben.decideOn(actionId, 'approve');
    expect((await agent.wait(actionId, { timeoutMs: 60_000 })).outcome?.status).toBe('succeeded');
  });

  it('and then nothing is automatic, though policy says so', async () => {
    const agent = agentOf(stack);
    const staging = { ...PLAIN_EXPORT, params: { ...PLAIN_EXPORT.params, target: 'orders-staging' } };
    const { actionId: plain } = await agent.request(staging);
    expect((await agent.wait(plain, { timeoutMs: 60_000 })).outcome?.status).toBe('succeeded');
    const { actionId: tainted } = await agent.request({ ...staging, tainted: true });
    const ended = await agent.wait(tainted, { timeoutMs: 60_000 });
    expect(ended).toMatchObject({ lease: 'none', outcome: { status: 'refused', code: 'tainted_unreviewed' } });
    expect(ended.leases.every(({ purpose }) => purpose === 'preview')).toBe(true);
  });
});
