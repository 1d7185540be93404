import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AlreadyAsked,
  createTemporalAgent,
  type AgentRequest,
  type CountersignGateway,
} from '../../src/client/index.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { readPayload, type Envelope } from '../../src/core/dsse.js';
import { askedOnce, type AskedOnce } from '../../src/record/asked-once.js';
import type { StatementBody } from '../../src/core/schemas/statements.js';
import { agentOf, agentSigner, personAt, PLAIN_EXPORT, until, type PersonAtGateway } from '../support/actors.js';
import type { TestProcess } from '../support/installation.js';
import { startStack, type Stack } from '../support/stack.js';
import { makeRequest, receiptDraft } from '../support/statements.js';

let stack: Stack;
let agent: CountersignGateway;
let ben: PersonAtGateway;
let gateway: TestProcess;
let worker: TestProcess;
let notary: TestProcess;

beforeAll(async () => {
  stack = await startStack({ processes: ['gateway', 'worker', 'notary'] });
  agent = agentOf(stack);
  ben = await personAt(stack, 'ben');
  const { become } = stack.installation;
  [gateway, worker, notary] = await Promise.all([become('gateway'), become('worker'), become('notary')]);
});
afterAll(() => stack.close());

/** Says the same each time it is sent, under an id of its own. */
const same = (): AgentRequest => ({ ...PLAIN_EXPORT });

async function held(request: AgentRequest): Promise<string> {
  const { actionId, joined } = await agent.request(request);
  expect(joined).toBe(false);
  await until(agent, actionId, ({ state }) => state === 'waiting');
  return actionId;
}

async function refusals(): Promise<{ actionId: string | null; body: StatementBody<'refusal'> }[]> {
  const text = `select action_id, envelope from countersign.statements where kind = 'refusal' order by sequence`;
  const { rows } = await stack.installation.inRecord((client) =>
    client.query<{ action_id: string | null; envelope: string }>(text),
  );
  return rows.map((row) => {
    const { predicate } = readPayload(JSON.parse(row.envelope) as Envelope) as {
      predicate: { body: StatementBody<'refusal'> };
    };
    return { actionId: row.action_id, body: predicate.body };
  });
}

describe('a second request for the same', () => {
  it('joins the first while it is open: nothing new is started, and it is on record', async () => {
    const request = same();
    const first = await held(request);
    const second = await agent.request({ ...request, reason: 'Impatience' });
    const { requestDigest } = await agent.get(first);
    expect(second).toEqual({ actionId: first, requestDigest, joined: true });
    expect((await agent.list({ open: true })).actions.map(({ actionId }) => actionId)).toEqual([first]);
    expect((await refusals()).at(-1)).toMatchObject({
      actionId: null,
      body: { code: 'already_asked', who: 'agent/export-bot', message: expect.stringContaining(first) as string },
    });
    expect(await gateway.record.verifyChain('gateway')).toMatchObject({ faults: [] });

    await ben.decideOn(first, 'deny', 'once is enough');
    expect((await agent.wait(second.actionId, { timeoutMs: 60_000 })).outcome?.status).toBe('denied');
    const third = await agent.request(request);
    expect(third.joined).toBe(false);
    expect(third.actionId).not.toBe(first);
  });

  it.each<[string, (request: AgentRequest) => AgentRequest]>([
    ['has read untrusted input meanwhile', (request) => ({ ...request, tainted: true })],
    ['wants another format', (request) => ({ ...request, params: { ...request.params, format: 'ndjson' } })],
  ])('does not join when the agent %s', async (_, change) => {
    const request = same();
    const first = await held(request);
    const second = await agent.request(change(request));
    expect(second.joined).toBe(false);
    expect(second.actionId).not.toBe(first);
  });

  it('does not join what the agent has taken back', async () => {
    const request = same();
    const first = await held(request);
    await agent.withdraw(first, 'Not needed');
    expect((await agent.request(request)).joined).toBe(false);
  });

  it('starts one action when many come at once', async () => {
    const request = same();
    const asked = await Promise.all(Array.from({ length: 8 }, () => agent.request(request)));
    expect(new Set(asked.map(({ actionId }) => actionId)).size).toBe(1);
    expect(asked.filter(({ joined }) => !joined)).toHaveLength(1);
  });
});

describe('a second request of an agent with a Temporal client of its own', () => {
  it('is refused by the worker, which names the first', async () => {
    const request = same();
    const first = await held(request);
    const own = createTemporalAgent({ client: stack.client, signer: agentSigner(stack) });
    const { actionId } = await own.request(request);
    const refusal: unknown = await own.wait(actionId, { timeoutMs: 60_000 }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(AlreadyAsked);
    expect(refusal).toMatchObject({ code: 'already_asked', first: { actionId: first } });
    expect(await gateway.record.ofAction(actionId)).toEqual([]);
    expect((await refusals()).at(-1)).toMatchObject({ actionId: null, body: { code: 'already_asked' } });
  });

  it('can be joined by one through the gateway', async () => {
    const request = same();
    const own = createTemporalAgent({ client: stack.client, signer: agentSigner(stack) });
    const { actionId } = await own.request(request);
    await expect
      .poll(async () => (await gateway.record.ofAction(actionId)).length, { timeout: 30_000 })
      .toBeGreaterThan(0);
    expect(await agent.request(request)).toMatchObject({ actionId, joined: true });
    await stack.client.workflow.getHandle(workflowIdOf(actionId)).terminate();
  });
});

describe('the record', () => {
  let number = 0;
  const put = async (process: TestProcess, once: AskedOnce) => {
    const request = await makeRequest(stack.installation.agent);
    const taken = await process.record.appendAgentStatement('request', request.actionId, request.envelope, once);
    return { ...request, taken };
  };
  const onceOf = (change: { agent?: string; people?: string[] } = {}): AskedOnce => {
    const { agent: name = 'export-bot', people } = change;
    const provenance = people === undefined ? null : { prompters: people, schedulers: [] };
    return askedOnce({ agent: name, operation: 'x', params: { number } } as never, provenance);
  };

  it('takes one of many that come at once from two processes, and names it to the others', async () => {
    number += 1;
    const puts = await Promise.allSettled(
      Array.from({ length: 12 }, (_, index) => put(index % 2 === 0 ? gateway : worker, onceOf())),
    );
    const taken = puts.flatMap((result) => (result.status === 'fulfilled' ? [result.value.actionId] : []));
    const joined = puts.flatMap((result) => (result.status === 'rejected' ? [result.reason as AlreadyAsked] : []));
    expect(taken).toHaveLength(1);
    expect(joined.map(({ first }) => first.actionId)).toEqual(Array(11).fill(taken[0]));
  });

  // Who is barred from the first must be all who would be barred from the second.
  it.each([
    ['nobody', 'nobody', undefined, undefined, true],
    ['nobody', 'paul', undefined, ['paul'], true],
    ['paul', 'paul', ['paul'], ['paul'], true],
    ['paul', 'ben', ['paul'], ['ben'], false],
    ['paul', 'nobody', ['paul'], undefined, false],
    ['paul', 'paul and ben', ['paul'], ['paul', 'ben'], false],
  ])('first on behalf of %s, then of %s', async (_first, _second, people, others, joins) => {
    number += 1;
    const { actionId } = await put(gateway, onceOf(people && { people }));
    const second = put(gateway, onceOf(others && { people: others }));
    await (joins
      ? expect(second).rejects.toMatchObject({ code: 'already_asked', first: { actionId } })
      : expect(second).resolves.toMatchObject({ taken: 'new' }));
  });

  // Another may have joined it meanwhile, and would no longer be barred.
  it('takes nobody on whose behalf it was asked, once it is known without them', async () => {
    number += 1;
    const { actionId, envelope } = await put(gateway, onceOf());
    const again = (people?: string[]) =>
      gateway.record.appendAgentStatement('request', actionId, envelope, onceOf(people && { people }));
    expect(await again()).toBe('known');
    await expect(again(['paul'])).rejects.toMatchObject({ code: 'action_id_spent', field: 'prompterTokens' });
    const other = await put(gateway, onceOf({ agent: 'second-bot', people: ['paul'] }));
    const asPaul = onceOf({ agent: 'second-bot', people: ['paul'] });
    expect(await gateway.record.appendAgentStatement('request', other.actionId, other.envelope, asPaul)).toBe('known');
  });

  it('joins no two agents', async () => {
    number += 1;
    await put(gateway, onceOf());
    await expect(put(gateway, onceOf({ agent: 'second-bot' }))).resolves.toMatchObject({ taken: 'new' });
  });

  it('takes another once the first has its receipt', async () => {
    number += 1;
    const first = await put(gateway, onceOf());
    await notary.record.append([receiptDraft(first)]);
    await expect(put(worker, onceOf())).resolves.toMatchObject({ taken: 'new' });
  });
});
