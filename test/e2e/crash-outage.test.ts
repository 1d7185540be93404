import { defaultPayloadConverter } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { namesOf } from '../../apps/devstack/installation/names.js';
import type { CountersignGateway } from '../../src/client/index.js';
import { SEARCH_ATTRIBUTES } from '../../src/contracts/search-attributes.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { LONG_EXPORT, untilExporting } from '../adversarial/long-export.js';
import { GONE, NOTHING, statementsOf, tracesOf } from '../adversarial/traces.js';
import { agentOf, personAt, PLAIN_EXPORT, until as untilView, type PersonAtGateway } from '../support/actors.js';
import {
  signingOf,
  startBreakableProxy,
  startHoldingProxy,
  type BreakableProxy,
  type HoldingProxy,
} from '../support/holding-proxy.js';
import { startStack, type Stack } from '../support/stack.js';
import { until } from '../support/until.js';

/** The executor reaches Vault through `holding` and then `vault`, the notary through `vault`. */
let vault: BreakableProxy;
let holding: HoldingProxy;
let stack: Stack;
let agent: CountersignGateway;
let ben: PersonAtGateway;

beforeAll(async () => {
  vault = await startBreakableProxy(inject('services').vault.address);
  holding = await startHoldingProxy(vault.url);
  stack = await startStack({
    extra: {
      executor: { COUNTERSIGN_VAULT_ADDRESS: holding.url },
      notary: { COUNTERSIGN_VAULT_ADDRESS: vault.url },
    },
  });
  agent = agentOf(stack);
  ben = await personAt(stack, 'ben');
});
afterAll(async () => {
  vault.mend();
  await stack.close();
  await holding.close();
  await vault.close();
});

async function hold(change: { lifetimeMs?: number } = {}): Promise<string> {
  const { actionId } = await agent.request({ ...PLAIN_EXPORT, ...change });
  await untilView(agent, actionId, ({ state }) => state === 'waiting');
  return actionId;
}

function handleOf(actionId: string) {
  return stack.client.workflow.getHandle(workflowIdOf(actionId));
}

/** Until the executor has tried this often. */
async function untilTried(actionId: string, times: number): Promise<void> {
  await until(async () => {
    const { pendingActivities } = (await handleOf(actionId).describe()).raw;
    return (pendingActivities ?? []).some(
      ({ activityType, attempt }) => activityType?.name === 'runUnderLease' && (attempt ?? 0) > times,
    );
  });
}

async function leaseStateOf(actionId: string): Promise<string | undefined> {
  return (await handleOf(actionId).describe()).typedSearchAttributes.get(SEARCH_ATTRIBUTES.leaseState);
}

/** What the heartbeats of the execution that is under way tell, as an operator with the keys reads it. */
async function standingOf(actionId: string): Promise<unknown> {
  const { pendingActivities } = (await handleOf(actionId).describe()).raw;
  const running = pendingActivities?.find(({ activityType }) => activityType?.name === 'runUnderLease');
  const [codec] = stack.client.options.loadedDataConverter.payloadCodecs;
  const [details] = (await codec?.decode(running?.heartbeatDetails?.payloads ?? [])) ?? [];
  return details === undefined ? null : defaultPayloadConverter.fromPayload(details);
}

/** The receipts on record, in order. */
async function receiptsOf(actionId: string) {
  const receipts = (await statementsOf(stack, 'receipt')).filter((receipt) => receipt.actionId === actionId);
  return receipts.map(({ body: { lease, closing, outcome } }) => ({ lease, closing, status: outcome.status }));
}

describe('Vault is away before the lease', () => {
  it('the action waits, nothing runs, and it runs once when Vault is back', async () => {
    const actionId = await hold();
    vault.break();
    await ben.decideOn(actionId, 'approve');
    await untilTried(actionId, 2);
    expect(await tracesOf(stack, actionId)).toMatchObject({ ...NOTHING, claims: expect.any(Number) as number });
    vault.mend();
    const done = await agent.wait(actionId, { timeoutMs: 60_000 });
    expect(done).toMatchObject({ outcome: { status: 'succeeded' }, lease: 'revoked' });
    expect(await tracesOf(stack, actionId)).toMatchObject({ ...GONE, leases: 1, effects: 1 });
  });

  it('the action expires when Vault stays away for too long', async () => {
    const lifetimeMs = 8_000;
    const actionId = await hold({ lifetimeMs });
    const { expiresAtMs } = await agent.get(actionId);
    vault.break();
    await ben.decideOn(actionId, 'approve');
    await untilTried(actionId, 1);
    await until(async () => Date.now() > expiresAtMs);
    vault.mend();
    const done = await agent.wait(actionId, { timeoutMs: 60_000 });
    expect(done).toMatchObject({ outcome: { status: 'expired', code: 'request_expired' }, lease: 'none' });
    expect(await tracesOf(stack, actionId)).toMatchObject({ ...GONE, leases: 0, effects: 0 });
  });
});

describe('an operator who looks at the pending execution', () => {
  it('sees that nothing is leased before Vault has answered, and since when a lease is open', async () => {
    const { actionId } = await agent.request(LONG_EXPORT);
    await untilView(agent, actionId, ({ state }) => state === 'waiting');
    const since = expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string;
    const judging = holding.hold(signingOf('claim'));
    await ben.decideOn(actionId, 'approve');
    await judging.arrived;
    await untilTold(actionId, { lease: 'none' });
    expect(await leaseStateOf(actionId)).toBe('requested');
    expect(await tracesOf(stack, actionId)).toEqual(NOTHING);
    judging.release();
    await untilExporting(stack, actionId);
    await untilTold(actionId, { lease: 'open', since, effect: 'begun' });
    expect(await leaseStateOf(actionId)).toBe('requested');
    await agent.withdraw(actionId, 'seen');
    expect(await handleOf(actionId).result()).toMatchObject({ lease: 'revoked' });
    expect(await leaseStateOf(actionId)).toBe('revoked');
  });
});

/** Nothing besides, either: no accessor, no name of a user. */
async function untilTold(actionId: string, standing: object): Promise<void> {
  await expect.poll(() => standingOf(actionId), { timeout: 30_000, interval: 200 }).toEqual(standing);
}

describe('something is away at the revocation', () => {
  const REVOKE = { method: 'POST', path: /^sys\/leases\/revoke$/, phase: 'request' } as const;

  it('the target: the outcome is on record at once with an open lease, and a closing receipt follows', async () => {
    const actionId = await hold();
    const revoking = holding.hold(REVOKE);
    await ben.decideOn(actionId, 'approve');
    expect(await revoking.arrived).toBe(actionId);
    await letVaultIntoTarget(false);
    revoking.release();
    await until(async () => (await receiptsOf(actionId)).length > 0);
    expect(await receiptsOf(actionId)).toEqual([{ lease: 'open', closing: false, status: 'succeeded' }]);
    await until(async () => (await leaseStateOf(actionId)) === 'overdue');
    expect(await agent.get(actionId)).toMatchObject({ state: 'done', lease: 'open', outcome: { status: 'succeeded' } });
    expect(await tracesOf(stack, actionId)).toMatchObject({ users: 1, vaultLeases: 1 });

    await letVaultIntoTarget(true);
    await until(async () => (await receiptsOf(actionId)).length > 1);
    expect(await receiptsOf(actionId)).toEqual([
      { lease: 'open', closing: false, status: 'succeeded' },
      { lease: 'revoked', closing: true, status: 'succeeded' },
    ]);
    expect(await handleOf(actionId).result()).toMatchObject({ lease: 'revoked' });
    expect(await leaseStateOf(actionId)).toBe('revoked');
    expect(await agent.get(actionId)).toMatchObject({ lease: 'revoked', outcome: { status: 'succeeded' } });
    expect(await tracesOf(stack, actionId)).toMatchObject({ ...GONE, effects: 1, leases: 1 });
  });

  it('Vault: the action shows as overdue, and its receipt follows when Vault is back', async () => {
    const actionId = await hold();
    const revoking = holding.hold(REVOKE);
    await ben.decideOn(actionId, 'approve');
    expect(await revoking.arrived).toBe(actionId);
    // The result is put on record beside the revocation; its signature needs Vault as well.
    await until(async () => (await agent.get(actionId)).timeline.some(({ kind }) => kind === 'result'));
    vault.break();
    revoking.release();
    await until(async () => (await leaseStateOf(actionId)) === 'overdue', 45_000);
    expect(await receiptsOf(actionId)).toEqual([]);
    vault.mend();
    const done = await agent.wait(actionId, { timeoutMs: 60_000 });
    expect(done).toMatchObject({ outcome: { status: 'succeeded' }, lease: 'revoked' });
    expect(await receiptsOf(actionId)).toEqual([{ lease: 'revoked', closing: false, status: 'succeeded' }]);
    expect(await tracesOf(stack, actionId)).toMatchObject({ ...GONE, effects: 1, leases: 1 });
  }, 120_000);
});

/** The target's administrator shuts Vault out, as a database that is down would, or lets it in again. */
async function letVaultIntoTarget(isLetIn: boolean): Promise<void> {
  const { vaultLogin } = namesOf(stack.installation.name).target('orders');
  await stack.installation.inTarget(async (client) => {
    await client.query(`alter role "${vaultLogin}" ${isLetIn ? 'login' : 'nologin'}`);
    if (!isLetIn)
      await client.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [vaultLogin]);
  });
}
