import { randomUUID } from 'node:crypto';
import { temporal } from '@temporalio/proto';
import { ulid } from 'ulid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { agentOf, personAt, PLAIN_EXPORT, until } from '../support/actors.js';
import { startStack, type Stack } from '../support/stack.js';
import { activitiesIn, untilJudged } from './history.js';

type Payloads = temporal.api.common.v1.IPayload[];

const COMPLETED =
  temporal.api.enums.v1.UpdateWorkflowExecutionLifecycleStage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED;
const SIGNALS = 200;
/** As the workflow limits them. */
const MAX_HINTS = 50;

let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
});
afterAll(async () => {
  await stack.close();
});

const encoded = (encoding: string, text: string): Payloads => [
  { metadata: { encoding: Buffer.from(encoding) }, data: Buffer.from(text) },
];

/** What a stranger may send, byte by byte. */
const MALFORMED: [string, Payloads][] = [
  ['nothing', []],
  ['no metadata', [{ data: Buffer.from('x') }]],
  ['JSON that ends early', encoded('json/plain', '{"payloadType":')],
  ['an encoding that nobody knows', encoded('binary/encrypted', 'x')],
  [
    'bytes that are not UTF-8',
    [{ metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from([0xff, 0xfe]) }],
  ],
  ['a number', encoded('json/plain', '1e999')],
  ['an array of 10,000 arrays in each other', encoded('json/plain', '['.repeat(10_000) + ']'.repeat(10_000))],
  ['keys of prototypes', encoded('json/plain', '{"__proto__":{"payloadType":"x"},"constructor":1}')],
  ['an envelope of wrong types', encoded('json/plain', '{"payloadType":1,"payload":[],"signatures":{"length":1}}')],
  ['a payload that is no base64', encoded('json/plain', JSON.stringify(envelopeOf('%%%')))],
  ['100 KB of text', encoded('json/plain', JSON.stringify('a'.repeat(100_000)))],
];

function envelopeOf(payload: string) {
  return { payloadType: 'application/vnd.in-toto+json', payload, signatures: [{ keyid: 'decision/1', sig: 'AA==' }] };
}

/** What looks as if our processes had encrypted it. */
async function forgedCiphertexts(): Promise<[string, Payloads][]> {
  const { payloadCodecs = [] } = stack.dataConverter;
  const context = { type: 'workflow', namespace: stack.namespace, workflowId: workflowIdOf(ulid()) } as const;
  const [sealed = {}] = (await payloadCodecs[0]?.encode(encoded('json/plain', '{"approved":true}'), context)) ?? [];
  const withKey = (text: string) => ({
    ...sealed,
    metadata: { ...sealed.metadata, 'encryption-key': Buffer.from(text) },
  });
  return [
    ['a ciphertext of another action', [sealed]],
    ['a ciphertext that is cut short', [{ ...sealed, data: (sealed.data ?? Buffer.alloc(0)).subarray(0, 20) }]],
    ['a ciphertext under a key of nobody', [withKey('vault:v1:bm90aGluZw==')]],
    ['a ciphertext under a key of no version', [withKey('vault:v99:bm90aGluZw==')]],
  ];
}

describe('what strangers send to a workflow', () => {
  it('never blocks an action, and cannot grow its history without end', async () => {
    const agent = agentOf(stack);
    const { actionId } = await agent.request(PLAIN_EXPORT);
    await until(agent, actionId, ({ state }) => state === 'waiting');
    const workflowExecution = { workflowId: workflowIdOf(actionId) };
    const handle = stack.client.workflow.getHandle(workflowIdOf(actionId));
    const { workflowService } = stack.client;
    const signal = (payloads: Payloads, signalName = 'decide') =>
      workflowService.signalWorkflowExecution({
        namespace: stack.namespace,
        workflowExecution,
        signalName,
        input: { payloads },
      });
    const update = (payloads: Payloads, name: string) =>
      workflowService.updateWorkflowExecution({
        namespace: stack.namespace,
        workflowExecution,
        waitPolicy: { lifecycleStage: COMPLETED },
        request: { meta: { updateId: randomUUID() }, input: { name, args: { payloads } } },
      });

    const malformed = [...MALFORMED, ...(await forgedCiphertexts())];
    for (const [what, payloads] of malformed) {
      await signal(payloads);
      await signal(payloads, 'no-such-signal');
      for (const name of ['decide', 'withdraw', 'no-such-update']) {
        const { outcome } = await update(payloads, name);
        expect(outcome?.failure, `${name} with ${what}`).toBeTruthy();
      }
    }
    await untilJudged(handle, malformed.length);
    await Promise.all(Array.from({ length: SIGNALS }, () => signal(encoded('json/plain', '{"approved":true}'))));
    await untilJudged(handle, MAX_HINTS);

    expect(await (await personAt(stack, 'ben')).decideOn(actionId, 'approve')).toMatchObject({ state: 'filled' });
    expect(await agent.wait(actionId, { timeoutMs: 30_000 })).toMatchObject({ outcome: { status: 'succeeded' } });
    const history = await handle.fetchHistory();
    expect(activitiesIn(history, 'verifyHint')).toBe(MAX_HINTS);
    // The server itself ends a task when too much arrives beside it; no task may fail in our code.
    const failed = (history.events ?? []).map((event) => event.workflowTaskFailedEventAttributes?.identity ?? null);
    expect(failed.filter((identity) => identity !== null && identity !== 'history-service')).toEqual([]);
  });

  it('a burst while the action is still being prepared is taken as well', async () => {
    const agent = agentOf(stack);
    const { actionId } = await agent.request(PLAIN_EXPORT);
    const handle = stack.client.workflow.getHandle(workflowIdOf(actionId));
    await Promise.all(Array.from({ length: 20 }, (_, index) => handle.signal('decide', { index })));
    await until(agent, actionId, ({ state }) => state === 'waiting');
    await untilJudged(handle, 20);
    await agent.withdraw(actionId, 'enough');
    expect((await agent.wait(actionId, { timeoutMs: 30_000 })).outcome?.status).toBe('withdrawn');
  });
});
