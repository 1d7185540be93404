import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signRequest, type RequestInput } from '../../src/client/index.js';
import { TASK_QUEUES } from '../../src/contracts/activities.js';
import { PRIVILEGED_ACTION } from '../../src/contracts/workflow.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { sealPayloads, type Envelope } from '../../src/core/dsse.js';
import type { JsonObject } from '../../src/core/json.js';
import { agentOf, agentSigner, PLAIN_EXPORT, until } from '../support/actors.js';
import { makeKey, newActionId } from '../support/signing.js';
import { startStack, type Stack } from '../support/stack.js';
import { applicationFailureIn } from './forger.js';
import { startPastGateway } from './past-gateway.js';
import { NOTHING, statementsOf, tracesOf } from './traces.js';

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ processes: ['worker', 'notary', 'gateway'] });
});
afterAll(async () => {
  await stack.close();
});

/** Refused before preview, messages or Vault; a request that got on record is closed by a receipt. */
const ADMIT_ONLY = ['prepare', 'conclude'];

interface Failed {
  type: string | null | undefined;
  field: string | null;
  /** What happened, and what to do. */
  message: string;
  /** Activities that were scheduled. */
  activities: string[];
}

/** Starts the workflow as a Temporal client may, with any input at all, and waits until it has failed. */
async function start(actionId: string, ...args: unknown[]): Promise<Failed> {
  const { handle, failure } = await startPastGateway(stack, actionId, ...args);
  const { events } = await stack.client.workflow
    .getHandle(handle.workflowId, handle.firstExecutionRunId)
    .fetchHistory();
  const activities = (events ?? []).map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name);
  return {
    type: failure?.type,
    field: (failure?.details?.[0] as { field: string | null } | undefined)?.field ?? null,
    message: failure?.message ?? '',
    activities: activities.filter((name) => name !== undefined && name !== null),
  };
}

/** Leases of all purposes ever opened for an action. */
async function leasesOf(actionId: string): Promise<number> {
  return stack.installation.inRecord(async (client) => {
    const { rowCount } = await client.query('select from countersign.leases where action_id = $1', [actionId]);
    return rowCount ?? -1;
  });
}

async function refusals() {
  return (await statementsOf(stack, 'refusal')).map(({ body: { code, field, message } }) => ({ code, field, message }));
}

/** Signed as it is, whatever it holds. */
async function signedBytes(payload: Uint8Array): Promise<Envelope> {
  const [envelope] = await sealPayloads([payload], agentSigner(stack));
  if (envelope === undefined) throw new Error('nothing was signed');
  return envelope;
}

/** A request as it would be right, but for one byte in its reason that begins no character of UTF-8. */
async function brokenUtf8(actionId: string): Promise<{ request: Envelope }> {
  const { envelope } = await signRequest({ ...PLAIN_EXPORT, agent: 'export-bot', actionId }, agentSigner(stack));
  const payload = Buffer.from(envelope.payload, 'base64');
  payload[payload.indexOf('Monthly')] = 0xff;
  return { request: await signedBytes(payload) };
}

const exportOf = (params: JsonObject): Partial<RequestInput> => ({
  params: { ...PLAIN_EXPORT.params, ...params },
});
const query = (text: string): Partial<RequestInput> => exportOf({ query: text });
const { format, query: plainQuery } = PLAIN_EXPORT.params;
const TWO_DAYS_MS = 2 * 24 * 60 * 60 * 1000;

describe('a bad request of an agent with a Temporal client', () => {
  it.each<[string, Partial<RequestInput>, string, string | null, RegExp]>([
    [
      'an unknown operation',
      { operation: 'database.drop' },
      'operation_unknown',
      'operation',
      /there are: .*database\.export/,
    ],
    [
      'an extra parameter',
      exportOf({ delimiter: ';' }),
      'params_invalid',
      'params.delimiter',
      /Unrecognized key: "delimiter"/,
    ],
    [
      'a missing parameter',
      { params: { format, query: plainQuery } },
      'params_invalid',
      'params.target',
      /^params\.target: .*expected string/,
    ],
    [
      'an unknown target',
      exportOf({ target: 'payroll' }),
      'target_unknown',
      'params.target',
      /lists no .* named "payroll"/,
    ],
    [
      'two statements',
      query('select 1;\nselect 2'),
      'query_forbidden',
      'params.query',
      /more than one statement \(line \d+, column \d+\)/,
    ],
    [
      'a write in a CTE',
      query('with gone as (delete from orders returning id)\nselect id from gone'),
      'query_forbidden',
      'params.query',
      /\(line 1, column \d+\)/,
    ],
    [
      'a function that is not listed',
      query("select pg_read_file('/etc/passwd')"),
      'query_forbidden',
      'params.query',
      /pg_read_file.*\(line 1, column \d+\)/,
    ],
    [
      'a lifetime that is over',
      { nowMs: Date.now() - TWO_DAYS_MS },
      'request_expired',
      'expiresAtMs',
      /sign a new one/,
    ],
    [
      'a date ahead',
      { nowMs: Date.now() + TWO_DAYS_MS },
      'request_not_yet_valid',
      'requestedAtMs',
      /ahead of the gateway's clock: set yours/,
    ],
    ['a parameter of 5,000 characters for a name', exportOf({ ['x'.repeat(5_000)]: 1 }), 'params_invalid', null, /xxx/],
    [
      'a body over the limit',
      exportOf({ parameters: ['x'.repeat(200_000)] }),
      'envelope_malformed',
      'payload',
      /^payload: .*262144 characters/,
    ],
  ])('%s fails at admit', async (_, change, type, field, says) => {
    const { actionId, envelope } = await signRequest(
      { ...PLAIN_EXPORT, agent: 'export-bot', ...change },
      agentSigner(stack),
    );
    const before = (await refusals()).length;
    const failed = await start(actionId, { request: envelope });
    expect(failed).toMatchObject({ type, activities: ADMIT_ONLY, message: expect.stringMatching(says) as string });
    if (field !== null) expect(failed.field).toBe(field);
    const onRecord = field === null ? { code: type } : { code: type, field, message: failed.message };
    expect((await refusals()).slice(before)).toMatchObject([onRecord]);
    expect(await leasesOf(actionId)).toBe(0);
    expect(await tracesOf(stack, actionId)).toEqual(NOTHING);
  });

  it.each<[string, (actionId: string) => Promise<unknown>, string, string | null, RegExp]>([
    [
      'an agent that the directory does not list',
      async (actionId) => {
        const { signer, publicKey } = makeKey('agent/nobody');
        const asked = { ...PLAIN_EXPORT, agent: 'nobody', actionId };
        return { request: (await signRequest(asked, { ...signer, agentId: 'nobody', publicKey })).envelope };
      },
      'agent_unknown',
      'signatures.0.keyid',
      /have it listed, or sign as one that is/,
    ],
    [
      "another key under the agent's name",
      async (actionId) => {
        const { signer, publicKey } = makeKey('agent/export-bot');
        const asked = { ...PLAIN_EXPORT, agent: 'export-bot', actionId };
        return { request: (await signRequest(asked, { ...signer, agentId: 'export-bot', publicKey })).envelope };
      },
      'signature_invalid',
      'signatures.0.sig',
      /sign a new request with the new one/,
    ],
    [
      'a payload that was changed after it was signed',
      async (actionId) => {
        const { envelope } = await signRequest({ ...PLAIN_EXPORT, agent: 'export-bot', actionId }, agentSigner(stack));
        const payload = Buffer.from(envelope.payload, 'base64').toString().replace('status', 'total ');
        return { request: { ...envelope, payload: Buffer.from(payload).toString('base64') } satisfies Envelope };
      },
      'signature_invalid',
      'signatures.0.sig',
      /not over this payload/,
    ],
    [
      "another action's id",
      async () => ({
        request: (await signRequest({ ...PLAIN_EXPORT, agent: 'export-bot' }, agentSigner(stack))).envelope,
      }),
      'action_id_mismatch',
      'actionId',
      /must be `action\/` and the action id/,
    ],
    [
      'a signed payload that is not UTF-8',
      brokenUtf8,
      'envelope_malformed',
      'payload',
      /no JSON in UTF-8: sign the bytes/,
    ],
    [
      'a signed payload that is no JSON',
      async () => ({ request: await signedBytes(Buffer.from('{"predicate":')) }),
      'envelope_malformed',
      'payload',
      /no JSON in UTF-8/,
    ],
    // The whole of it is at fault: there is no field to name.
    [
      'an envelope that is a string',
      async () => ({ request: 'please' }),
      'envelope_malformed',
      null,
      /^the whole: .*expected object/,
    ],
    [
      'an envelope that is null',
      async () => ({ request: null }),
      'envelope_malformed',
      null,
      /^the whole: .*expected object/,
    ],
    ['no envelope', async () => ({}), 'envelope_malformed', null, /^the whole: .*expected object/],
    ['null', async () => null, 'envelope_malformed', null, /^the whole: .*expected object/],
    ['a number', async () => 7, 'envelope_malformed', null, /^the whole: .*expected object/],
    [
      'half a surrogate pair',
      async () => ({ request: { payloadType: '\ud800' } }),
      'envelope_malformed',
      'payloadType',
      /^payloadType: /,
    ],
  ])('%s fails at admit', async (_, inputOf, type, field, says) => {
    const actionId = newActionId();
    const before = (await refusals()).length;
    const failed = await start(actionId, await inputOf(actionId));
    expect(failed).toMatchObject({
      ...{ type, field, activities: ADMIT_ONLY },
      message: expect.stringMatching(says) as string,
    });
    expect((await refusals()).slice(before)).toMatchObject([{ code: type, field }]);
    expect(await leasesOf(actionId)).toBe(0);
    expect(await tracesOf(stack, actionId)).toEqual(NOTHING);
  });

  it('no input at all fails at admit', async () => {
    expect(await start(newActionId())).toMatchObject({ type: 'envelope_malformed', activities: ADMIT_ONLY });
  });

  it.each<[string, string, string]>([
    ['that cannot be decoded', 'binary/unknown', 'x'],
    ['that ends early', 'json/plain', '{"request":'],
    ['of 20,000 arrays in each other', 'json/plain', `{"request":${'['.repeat(20_000)}${']'.repeat(20_000)}}`],
  ])('input %s fails at admit', async (_, encoding, text) => {
    const workflowId = workflowIdOf(newActionId());
    await stack.client.workflowService.startWorkflowExecution({
      namespace: stack.namespace,
      workflowId,
      workflowType: { name: PRIVILEGED_ACTION },
      taskQueue: { name: TASK_QUEUES.worker },
      requestId: workflowId,
      input: { payloads: [{ metadata: { encoding: Buffer.from(encoding) }, data: Buffer.from(text) }] },
    });
    const failed: unknown = await stack.client.workflow.result(workflowId).catch((error: unknown) => error);
    expect(applicationFailureIn(failed)?.type).toBe('envelope_malformed');
  });
});

/** What Temporal's own server, or the workflow's validator, turns away reaches no process of ours that could put it on record. */
describe('a decision sent by a Temporal client', () => {
  const refusalOf = async (send: () => Promise<unknown>): Promise<unknown> => {
    const before = (await refusals()).length;
    const error: unknown = await send().catch((thrown: unknown) => thrown);
    expect((await refusals()).length).toBe(before);
    return error;
  };

  it('that is nonsense is refused to its sender, by code and in words, and the action waits on', async () => {
    const agent = agentOf(stack);
    const { actionId } = await agent.request(PLAIN_EXPORT);
    await until(agent, actionId, ({ state }) => state === 'waiting');
    const handle = stack.client.workflow.getHandle(workflowIdOf(actionId));
    const error = await refusalOf(() => handle.executeUpdate('decide', { args: [{ decision: 'maybe' }] }));
    expect(applicationFailureIn(error)).toMatchObject({
      type: 'envelope_malformed',
      message: 'The decision is not signed by the gateway.',
    });
    expect(await agent.get(actionId)).toMatchObject({ state: 'waiting', decisions: [] });
    await agent.withdraw(actionId, 'enough');
  });

  it('about an unknown action is refused by Temporal’s server', async () => {
    const handle = stack.client.workflow.getHandle(workflowIdOf(newActionId()));
    const error = await refusalOf(() => handle.executeUpdate('decide', { args: [{ decision: 'approve' }] }));
    expect(error).toMatchObject({ name: 'WorkflowNotFoundError' });
    expect(await refusalOf(() => handle.signal('decide', {}))).toMatchObject({ name: 'WorkflowNotFoundError' });
  });
});

describe('an action id that is spent', () => {
  it('is refused to another request', async () => {
    const agent = agentOf(stack);
    const { actionId } = await agent.request(PLAIN_EXPORT);
    await until(agent, actionId, ({ state }) => state === 'waiting');
    await stack.client.workflow.getHandle(workflowIdOf(actionId)).terminate();
    const asked = { ...PLAIN_EXPORT, ...query('select customer_id from orders'), agent: 'export-bot', actionId };
    const { envelope } = await signRequest(asked, agentSigner(stack));
    const leases = await leasesOf(actionId);
    expect(await start(actionId, { request: envelope })).toMatchObject({
      type: 'action_id_spent',
      activities: ADMIT_ONLY,
    });
    expect(await refusals()).toContainEqual(
      expect.objectContaining({
        ...{ code: 'action_id_spent', field: 'actionId' },
        message: expect.stringMatching(/Make a new id for a new action/) as string,
      }),
    );
    expect(await leasesOf(actionId)).toBe(leases);
  });

  it('is refused to the same request once it has ended', async () => {
    const agent = agentOf(stack);
    const { actionId, envelope } = await signRequest({ ...PLAIN_EXPORT, agent: 'export-bot' }, agentSigner(stack));
    await stack.client.workflow.start(PRIVILEGED_ACTION, {
      workflowId: workflowIdOf(actionId),
      taskQueue: TASK_QUEUES.worker,
      args: [{ request: envelope }],
    });
    await until(
      { get: (id) => agent.get(id).catch(() => ({}) as never) },
      actionId,
      ({ state }) => state === 'waiting',
    );
    await agent.withdraw(actionId, 'not needed');
    await agent.wait(actionId, { timeoutMs: 30_000 });
    await stack.client.workflow.getHandle(workflowIdOf(actionId)).result();
    const leases = await leasesOf(actionId);
    expect(await start(actionId, { request: envelope })).toMatchObject({ type: 'action_id_spent' });
    expect(await leasesOf(actionId)).toBe(leases);
  });
});
