import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { namesOf } from '../../apps/devstack/installation/names.js';
import { signRequest, type CountersignGateway } from '../../src/client/index.js';
import { lookSignal, type DebtStanding } from '../../src/contracts/retrospective.js';
import { TASK_QUEUES } from '../../src/contracts/activities.js';
import { SEARCH_ATTRIBUTES } from '../../src/contracts/search-attributes.js';
import { PRIVILEGED_ACTION, reviewStateQuery } from '../../src/contracts/workflow.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { untilJudged } from '../adversarial/history.js';
import { LONG_EXPORT, untilExporting } from '../adversarial/long-export.js';
import { resetTo } from '../adversarial/reset.js';
import {
  agentOf,
  agentSigner,
  personAt,
  PLAIN_EXPORT,
  until as untilView,
  type PersonAtGateway,
} from '../support/actors.js';
import { clearHistoryOf } from '../support/clear-history.js';
import { startHoldingProxy, type HoldingProxy } from '../support/holding-proxy.js';
import { startStack, type StartedProcess, type Stack } from '../support/stack.js';
import { until } from '../support/until.js';
import { startTimeSkipping } from '../support/workflow-environment.js';
import { openYard } from '../workflow/harness.js';
import { credentialsIn, fileOf, historyToText, NAMES, type HistoryName } from './histories.js';

let stack: Stack;
let agent: CountersignGateway;
let ben: PersonAtGateway;
let executor: StartedProcess;
let proxy: HoldingProxy;

beforeAll(async () => {
  proxy = await startHoldingProxy(inject('services').vault.address);
  stack = await startStack({
    extra: { executor: { COUNTERSIGN_VAULT_ADDRESS: proxy.url } },
    processes: ['worker', 'notary', 'gateway'],
  });
  executor = await stack.start('executor');
  agent = agentOf(stack);
  ben = await personAt(stack, 'ben');
});
afterAll(async () => {
  await stack.close();
  await proxy.close();
});

async function hold(request: Parameters<CountersignGateway['request']>[0] = PLAIN_EXPORT): Promise<string> {
  const { actionId } = await agent.request(request);
  await untilView(agent, actionId, ({ state }) => state === 'waiting');
  return actionId;
}

function handleOf(actionId: string): WorkflowHandle {
  return stack.client.workflow.getHandle(workflowIdOf(actionId));
}

/** Approves again once the review has been opened anew. */
async function approveInRound(actionId: string, round: number): Promise<void> {
  await untilView(agent, actionId, (view) => view.round === round && view.state === 'waiting');
  await until(async () => (await handleOf(actionId).query(reviewStateQuery)).phase === 'waiting');
  await ben.decideOn(actionId, 'approve');
}

/** Goes each way once, to its end; answers with the run that did. */
const WAYS: Record<HistoryName, () => Promise<WorkflowHandle>> = {
  async approved() {
    const actionId = await hold();
    await ben.decideOn(actionId, 'approve');
    return handleOf(actionId);
  },
  async denied() {
    const actionId = await hold();
    await ben.decideOn(actionId, 'deny', 'not this table');
    return handleOf(actionId);
  },
  async withdrawn() {
    const actionId = await hold();
    await agent.withdraw(actionId, 'not needed');
    return handleOf(actionId);
  },
  async expired() {
    return handleOf(await hold({ ...PLAIN_EXPORT, lifetimeMs: 5_000 }));
  },
  async escalated() {
    throw new Error('recorded with skipped time, see below');
  },
  async 'glass-broken'() {
    throw new Error('recorded with skipped time, see below');
  },
  async retrospective() {
    throw new Error('recorded with skipped time, see below');
  },
  async reopened() {
    const actionId = await hold();
    await executor.stop();
    await ben.decideOn(actionId, 'approve');
    await stack.installation.inTarget((client) => client.query('alter table orders add column note text'));
    executor = await stack.start('executor');
    await approveInRound(actionId, 2);
    return handleOf(actionId);
  },
  async reset() {
    const actionId = await hold();
    await executor.stop();
    await ben.decideOn(actionId, 'approve');
    await resetTo(stack, actionId, 'after the approval');
    executor = await stack.start('executor');
    await approveInRound(actionId, 2);
    return handleOf(actionId);
  },
  async cancelled() {
    const actionId = await hold();
    await handleOf(actionId).cancel();
    return handleOf(actionId);
  },
  async 'cancelled-while-running'() {
    const actionId = await hold(LONG_EXPORT);
    await ben.decideOn(actionId, 'approve');
    await untilExporting(stack, actionId);
    await handleOf(actionId).cancel();
    return handleOf(actionId);
  },
  async refused() {
    const params = { ...PLAIN_EXPORT.params, query: 'select 1; select 2' };
    const signed = await signRequest({ ...PLAIN_EXPORT, params, agent: 'export-bot' }, agentSigner(stack));
    return stack.client.workflow.start(PRIVILEGED_ACTION, {
      workflowId: workflowIdOf(signed.actionId),
      taskQueue: TASK_QUEUES.worker,
      args: [{ request: signed.envelope }],
    });
  },
  async signalled() {
    const actionId = await hold();
    await handleOf(actionId).signal('decide', { approved: true });
    await stack.client.workflowService.signalWorkflowExecution({
      namespace: stack.namespace,
      workflowExecution: { workflowId: workflowIdOf(actionId) },
      signalName: 'decide',
      input: { payloads: [{ metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from('{not json') }] },
    });
    await untilJudged(handleOf(actionId), 2);
    await ben.decideOn(actionId, 'approve');
    return handleOf(actionId);
  },
  async overdue() {
    const actionId = await hold();
    const revoking = proxy.hold({ method: 'POST', path: /^sys\/leases\/revoke$/, phase: 'request' });
    await ben.decideOn(actionId, 'approve');
    await revoking.arrived;
    const { vaultLogin } = namesOf(stack.installation.name).target('orders');
    await stack.installation.inTarget(async (client) => {
      await client.query(`alter role "${vaultLogin}" nologin`);
      await client.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [vaultLogin]);
    });
    revoking.release();
    const handle = handleOf(actionId);
    await until(
      async () => (await handle.describe()).typedSearchAttributes.get(SEARCH_ATTRIBUTES.leaseState) === 'overdue',
    );
    await stack.installation.inTarget((client) => client.query(`alter role "${vaultLogin}" login`));
    return handle;
  },
};

const missing = NAMES.filter((name) => !existsSync(fileOf(name)));

const SKIPPED: readonly HistoryName[] = ['escalated', 'glass-broken', 'retrospective'];

it.each(missing.filter((name) => !SKIPPED.includes(name)))('records %s', async (name) => {
  await save(name, stack.client, await WAYS[name]());
});

it.runIf(missing.includes('escalated'))('records escalated, with skipped time', async () => {
  const environment = await startTimeSkipping();
  const yard = await openYard(environment);
  const escalations = [{ afterMs: 600_000, group: 'dba-lead' }];
  const prepared: NonNullable<Parameters<typeof yard.withAction>[0]['prepared']> = (base) => ({
    ...base,
    plan: { ...base.plan, escalations, remindAfterMs: 300_000 },
  });
  await yard.withAction({ prepared }, async (bench) => {
    await environment.sleep('11 minutes');
    await bench.approve('dave', ['dba-lead']);
    await save('escalated', environment.client, bench.handle);
  });
  await yard.close();
  await environment.teardown();
});

it.runIf(missing.includes('glass-broken'))('records glass-broken', async () => {
  const environment = await startTimeSkipping();
  const yard = await openYard(environment);
  const breakGlass = { stages: [{ group: 'sre', quorum: 2 }], leaseTtlSeconds: 60, reviewWithinMs: 86_400_000 };
  const prepared: NonNullable<Parameters<typeof yard.withAction>[0]['prepared']> = (base) => ({
    ...base,
    plan: { ...base.plan, breakGlass },
  });
  await yard.withAction({ prepared }, async (bench) => {
    await until(async () => (await bench.handle.query(reviewStateQuery)).phase === 'waiting');
    for (const person of ['erin', 'fay']) await bench.approve(person, ['sre'], { breakGlass: true });
    await save('glass-broken', environment.client, bench.handle);
  });
  await yard.close();
  await environment.teardown();
});

it.runIf(missing.includes('retrospective'))('records retrospective, with skipped time', async () => {
  const environment = await startTimeSkipping();
  const yard = await openYard(environment);
  const claimedAtMs = await environment.currentTimeMs();
  const title = 'Review of a broken glass: database.export on orders';
  const about = { title, by: ['erin', 'fay'], open: ['dba'], claimedAtMs, dueAtMs: claimedAtMs + 86_400_000 };
  let debt: DebtStanding = { kind: 'owed', ...about };
  await yard.withReview({ readDebt: () => debt }, async ({ handle }) => {
    await environment.sleep('26 hours');
    debt = { kind: 'paid', title };
    await handle.signal(lookSignal);
    await save('retrospective', environment.client, handle);
  });
  await yard.close();
  await environment.teardown();
});

async function save(name: HistoryName, client: Client, handle: WorkflowHandle): Promise<void> {
  await handle.result().catch(() => undefined); // a refusal is an end as well
  const text = historyToText(await clearHistoryOf(client, handle.workflowId));
  expect(credentialsIn(JSON.parse(text))).toEqual([]);
  await writeFile(fileOf(name), text);
}
