import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ulid } from 'ulid';
import { ServiceFault, type CountersignGateway } from '../../src/client/index.js';
import { tracesOf } from '../adversarial/traces.js';
import { agentOf, personAt, PLAIN_EXPORT, until as untilView } from '../support/actors.js';
import { startBreakableProxy, type BreakableProxy } from '../support/holding-proxy.js';
import { startStack, type Stack } from '../support/stack.js';
import { until } from '../support/until.js';

/** Stands between the gateway, and no other process, and Temporal. */
let temporal: BreakableProxy;
let stack: Stack;
let agent: CountersignGateway;

beforeAll(async () => {
  temporal = await startBreakableProxy(`http://${inject('services').temporal.address}`);
  const COUNTERSIGN_TEMPORAL_ADDRESS = new URL(temporal.url).host;
  stack = await startStack({ extra: { gateway: { COUNTERSIGN_TEMPORAL_ADDRESS, COUNTERSIGN_START_SECONDS: '1' } } });
  agent = agentOf(stack);
});
afterAll(async () => {
  temporal.mend();
  await stack.close();
  await temporal.close();
});

/** Asks while Temporal is away: the request is on record, and nothing was started. */
async function askInVain(change: { lifetimeMs?: number } = {}): Promise<string> {
  temporal.break();
  const actionId = ulid();
  const fault: unknown = await agent.request({ ...PLAIN_EXPORT, ...change, actionId }).catch((error: unknown) => error);
  expect(fault).toBeInstanceOf(ServiceFault);
  expect(fault).toMatchObject({ temporary: true });
  expect(await agent.get(actionId)).toMatchObject({ state: 'preparing' });
  return actionId;
}

describe('a request put on record while Temporal was away', () => {
  it('starts by itself when Temporal is back, once, and runs to its end', async () => {
    const actionId = await askInVain();
    temporal.mend();
    await untilView(agent, actionId, ({ state }) => state === 'waiting', 60_000);
    const ben = await personAt(stack, 'ben');
    await ben.decideOn(actionId, 'approve');
    const done = await agent.wait(actionId, { timeoutMs: 60_000 });
    expect(done).toMatchObject({ outcome: { status: 'succeeded' }, lease: 'revoked' });
    expect(done.timeline.filter(({ kind }) => kind === 'preview')).toHaveLength(1);
    expect(await tracesOf(stack, actionId)).toMatchObject({ claims: 1, leases: 1, effects: 1 });
  });

  it('does not run, but ends, when it has expired meanwhile', async () => {
    const lifetimeMs = 3_000;
    const actionId = await askInVain({ lifetimeMs });
    const { expiresAtMs } = await agent.get(actionId);
    await until(async () => Date.now() > expiresAtMs);
    temporal.mend();
    const done = await agent.wait(actionId, { timeoutMs: 60_000 });
    expect(done).toMatchObject({ outcome: { status: 'expired', code: 'request_expired' }, lease: 'none' });
    expect(done.preview).toBeNull();
  });
});
