import { generateKeyPairSync } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import {
  ApplicationFailure,
  defaultPayloadConverter,
  defineSearchAttributeKey,
  TypedSearchAttributes,
} from '@temporalio/common';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDevstackEnvironment } from '../../apps/devstack/environment.js';
import { locateTemporal } from '../../apps/devstack/services/executables.js';
import { createAgentSigner } from '../../src/client/agent-signer.js';
import { signRequest } from '../../src/client/requests.js';
import { createTemporalAgent, type CountersignTemporal } from '../../src/client/temporal.js';
import { WaitTimedOut } from '../../src/client/wait.js';
import { TASK_QUEUES, type Prepared } from '../../src/contracts/activities.js';
import { SEARCH_ATTRIBUTES } from '../../src/contracts/search-attributes.js';
import { startOptionsOf } from '../../src/contracts/start.js';
import { PRIVILEGED_ACTION } from '../../src/contracts/workflow.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { open } from '../../src/core/dsse.js';
import { statementSchema } from '../../src/core/schemas/statements.js';
import '../support/workflow-environment.js';

const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
const signer = createAgentSigner({ agentId: 'export-bot', privateKey: pem });
const asked = { params: { target: 'orders' }, reason: 'Monthly report' };
const AUTOMATIC = 'test.automatic';
const REVIEWED = 'test.reviewed';
const FORBIDDEN = 'test.forbidden';
const LIE = 'succeeded';

let environment: TestWorkflowEnvironment;
let workers: Worker[];
let running: Promise<void>[];

beforeAll(async () => {
  environment = await TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path: locateTemporal(readDevstackEnvironment()) },
      searchAttributes: Object.values(SEARCH_ATTRIBUTES).map(({ name }) => defineSearchAttributeKey(name, 'KEYWORD')),
    },
  });
  const common = {
    connection: environment.nativeConnection,
    namespace: environment.namespace ?? 'default',
    activities,
  };
  const workflowBundle = { codePath: fileURLToPath(new URL('../../dist/workflow-bundle.js', import.meta.url)) };
  workers = [
    await Worker.create({ ...common, taskQueue: TASK_QUEUES.worker, workflowBundle }),
    await Worker.create({ ...common, taskQueue: TASK_QUEUES.executor }),
    await Worker.create({ ...common, taskQueue: TASK_QUEUES.notary }),
  ];
  running = workers.map((worker) => worker.run());
});

afterAll(async () => {
  for (const worker of workers) worker.shutdown();
  await Promise.all(running);
  await environment.teardown();
});

/** The shipped workflow runs; what stands behind its activities is scripted by the operation's name. */
const activities = {
  async prepare({ request }: { request: unknown }): Promise<Prepared> {
    const opened = open(request, [signer.publicKey]);
    if (!opened.ok) throw ApplicationFailure.create({ type: opened.fault, message: opened.fault, nonRetryable: true });
    const { body } = statementSchema('request').parse(opened.payload).predicate;
    if (body.operation === FORBIDDEN) {
      const details = [{ field: 'operation' }];
      throw ApplicationFailure.create({ type: 'policy_forbids', message: 'No policy.', nonRetryable: true, details });
    }
    return preparedFor(body.actionId, body.operation === REVIEWED);
  },
  announce: async () => undefined,
  recordEscalation: async () => undefined,
  verifyHint: async () => null,
  readKeys: async () => ({ decisionKeys: [], intakeKeys: [] }),
  runUnderLease: async () => ({ kind: 'finished', outcome: done }),
  conclude: async ({ ended }: { ended: { kind: string; status?: string; code?: string; message?: string } }) => ({
    outcome: ended.kind === 'ran' ? done : { status: ended.status, code: ended.code, message: ended.message },
    lease: 'revoked',
    told: true,
  }),
};
const done = { status: 'succeeded', code: 'exported', message: 'Done.', result: { rows: 3 } };

function preparedFor(actionId: string, reviewed: boolean): Prepared {
  const openedAtMs = Date.now();
  return {
    ...{ actionId, agent: 'export-bot', operation: 'test', target: 'orders', environment: 'production' },
    ...{ title: 'test on orders', risk: 'low', round: 1, actionDigest: 'd'.repeat(64), barred: [], fillable: 'now' },
    plan: {
      stages: reviewed ? [{ group: 'dba', quorum: 1 }] : [],
      escalations: [],
      remindAfterMs: null,
      expireAfterMs: 3_600_000,
      leaseTtlSeconds: 60,
      assurance: 'any',
      policies: ['test'],
    },
    openedAtMs,
    expiresAtMs: openedAtMs + 3_600_000,
    decisionKeys: [],
    agentKey: signer.publicKey,
  };
}

const agentOf = (client: Client): CountersignTemporal => createTemporalAgent({ client, signer });

describe('an agent with a Temporal client', () => {
  it('starts the workflow under its own signature and gets its outcome', async () => {
    const agent = agentOf(environment.client);
    const { actionId } = await agent.request({ ...asked, operation: AUTOMATIC });
    expect(await agent.wait(actionId)).toEqual({ actionId, status: 'succeeded', outcome: done });
    const { type, taskQueue } = await environment.client.workflow.getHandle(workflowIdOf(actionId)).describe();
    expect([type, taskQueue]).toEqual(['privilegedAction', TASK_QUEUES.worker]);
  });

  it('says from the start what it asks for, as the gateway does', async () => {
    const agent = agentOf(environment.client);
    const action = await agent.request({ ...asked, operation: REVIEWED });
    const handle = environment.client.workflow.getHandle(workflowIdOf(action.actionId));
    const started = (await handle.fetchHistory()).events?.[0]?.workflowExecutionStartedEventAttributes;
    const said = new Map(
      Object.entries(started?.searchAttributes?.indexedFields ?? {}).map(([name, value]) => [
        name,
        defaultPayloadConverter.fromPayload(value),
      ]),
    );
    expect(said.get(SEARCH_ATTRIBUTES.state.name)).toBe('preparing');
    expect(said.get(SEARCH_ATTRIBUTES.operation.name)).toBe(REVIEWED);
    expect(said.get(SEARCH_ATTRIBUTES.agent.name)).toBe('export-bot');
    expect(await (await handle.describe()).staticSummary()).toBe(`${REVIEWED} on orders, asked by export-bot`);
    await agent.withdraw(action, 'Test is over');
  });

  it.each<[string, string, Record<string, string | undefined>]>([
    [
      'the review opens',
      REVIEWED,
      {
        state: 'waiting',
        leaseState: 'none',
        waitingFor: 'dba:1',
        risk: 'low',
        agent: 'export-bot',
        operation: 'test',
      },
    ],
    [
      'it is refused; who asked for what remains the words of the sender',
      FORBIDDEN,
      { state: 'refused', leaseState: 'revoked', waitingFor: 'nobody', risk: undefined, agent: LIE, operation: LIE },
    ],
  ])('cannot lie about how it stands once %s', async (_, operation, truth) => {
    const { actionId, envelope } = await signRequest({ ...asked, agent: 'export-bot', operation }, signer);
    const handle = await environment.client.workflow.start(PRIVILEGED_ACTION, {
      ...startOptionsOf({ actionId, agent: 'export-bot', operation, request: envelope }),
      typedSearchAttributes: new TypedSearchAttributes(
        Object.values(SEARCH_ATTRIBUTES).map((key) => ({ key, value: LIE })),
      ),
    });
    const shown = async (name: string) =>
      (await handle.describe()).typedSearchAttributes.get(SEARCH_ATTRIBUTES[name as keyof typeof SEARCH_ATTRIBUTES]);
    await expect.poll(() => shown('state'), { timeout: 20_000 }).toBe(truth['state']);
    for (const [name, value] of Object.entries(truth)) expect([name, await shown(name)]).toEqual([name, value]);
    if (operation === REVIEWED) await handle.cancel();
  });

  it('learns in code and field why it was refused', async () => {
    const agent = agentOf(environment.client);
    const { actionId } = await agent.request({ ...asked, operation: FORBIDDEN });
    await expect(agent.wait(actionId)).rejects.toMatchObject({
      name: 'Refusal',
      code: 'policy_forbids',
      field: 'operation',
    });
  });

  it('asks once, however often it sends the same request; and never again once it has ended', async () => {
    const agent = agentOf(environment.client);
    const first = await agent.request({ ...asked, operation: REVIEWED });
    const again = await agent.request({ ...asked, operation: REVIEWED, actionId: first.actionId });
    expect(again.actionId).toBe(first.actionId);
    await agent.withdraw(first, 'Not needed');
    expect(await agent.wait(first.actionId)).toMatchObject({ status: 'withdrawn' });
    const late = agent.request({ ...asked, operation: REVIEWED, actionId: first.actionId });
    await expect(late).rejects.toMatchObject({ name: 'Refusal', code: 'action_id_spent' });
  });

  it('gives up when its time is over, and the action goes on', async () => {
    const agent = agentOf(environment.client);
    const action = await agent.request({ ...asked, operation: REVIEWED });
    await expect(agent.wait(action.actionId, { timeoutMs: 200 })).rejects.toBeInstanceOf(WaitTimedOut);
    const { status } = await environment.client.workflow.getHandle(workflowIdOf(action.actionId)).describe();
    expect(status.name).toBe('RUNNING');
    await agent.withdraw(action, 'Test is over');
  });

  it.each<[end: 'terminate' | 'cancel', status: string]>([
    ['terminate', 'interrupted'],
    ['cancel', 'cancelled'],
  ])('after a %s the action was %s', async (end, status) => {
    const agent = agentOf(environment.client);
    const { actionId } = await agent.request({ ...asked, operation: REVIEWED });
    await environment.client.workflow.getHandle(workflowIdOf(actionId))[end]();
    expect(await agent.wait(actionId)).toMatchObject({ actionId, status });
  });
});

describe('an agent whose Temporal is not wholly there', () => {
  it('waits by describing where it may not read the history', async () => {
    const connection = await Connection.connect({ address: environment.address });
    const denied = { count: 0 };
    // As a server's authorizer answers: PERMISSION_DENIED to this one call.
    Object.assign(connection.workflowService, {
      getWorkflowExecutionHistory: async () => {
        denied.count += 1;
        throw Object.assign(new Error('7 PERMISSION_DENIED'), {
          code: 7,
          details: 'Request unauthorized.',
          metadata: { get: () => [] },
        });
      },
    });
    try {
      const agent = agentOf(new Client({ connection, namespace: environment.namespace ?? 'default' }));
      const { actionId } = await agent.request({ ...asked, operation: AUTOMATIC });
      expect(await agent.wait(actionId)).toEqual({ actionId, status: 'succeeded', outcome: null });
      expect(denied.count).toBe(1);
      const reviewed = await agent.request({ ...asked, operation: REVIEWED });
      await expect(agent.wait(reviewed.actionId, { timeoutMs: 100 })).rejects.toBeInstanceOf(WaitTimedOut);
      await agent.withdraw(reviewed, 'Test is over');
    } finally {
      await connection.close();
    }
  });

  it('says that a server which is not there did not take it', async () => {
    const connection = Connection.lazy({ address: '127.0.0.1:1', interceptors: [] });
    const agent = agentOf(new Client({ connection }));
    await expect(agent.request({ ...asked, operation: AUTOMATIC })).rejects.toMatchObject({
      name: 'ServiceFault',
      service: 'temporal',
    });
    await connection.close();
  });
});
