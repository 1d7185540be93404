import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startCountersign } from '../../apps/devstack/processes.js';
import type { ServiceProcess } from '../../apps/devstack/services/process.js';
import type { CountersignGateway } from '../../src/client/index.js';
import { tracesOf } from '../adversarial/traces.js';
import { agentOf, personAt, PLAIN_EXPORT, until, type PersonAtGateway } from '../support/actors.js';
import { startHoldingProxy, type HoldingProxy } from '../support/holding-proxy.js';
import { startStack, type StartedProcess, type Stack } from '../support/stack.js';

let stack: Stack;
let agent: CountersignGateway;
let ben: PersonAtGateway;
let gateway: StartedProcess;
let proxy: HoldingProxy;
const workers: ServiceProcess[] = [];

beforeAll(async () => {
  stack = await startStack({ processes: ['executor', 'notary'] });
  gateway = await stack.start('gateway');
  proxy = await startHoldingProxy(inject('services').vault.address);
  agent = agentOf(stack);
  ben = await personAt(stack, 'ben');
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  await proxy.close();
  await stack.close();
});

async function startWorker(): Promise<ServiceProcess> {
  const worker = await startCountersign('worker', {
    place: stack.place,
    logFile: join(stack.place.artefactsDir, '..', `worker-${workers.length}.log`),
    overrides: { COUNTERSIGN_VAULT_ADDRESS: proxy.url },
  });
  workers.push(worker);
  return worker;
}

describe('a worker that is killed', () => {
  it('while actions wait or are prepared: others go on, each runs once, and no lease is left', async () => {
    const victim = await startWorker();
    const { actionId: waiting } = await agent.request(PLAIN_EXPORT);
    await until(agent, waiting, ({ state }) => state === 'waiting');
    const issued = proxy.hold({ method: 'GET', path: /\/creds\//, phase: 'response' });
    const { actionId: preparing } = await agent.request(PLAIN_EXPORT);
    expect(await issued.arrived).toBe(preparing);
    process.kill(victim.pid, 'SIGKILL');
    // The preview's user exists, and nobody knows its password any more.
    expect(await tracesOf(stack, preparing)).toMatchObject({ users: 1 });

    await startWorker();
    expect(await ben.decideOn(waiting, 'approve')).toMatchObject({ state: 'filled' });
    expect(await agent.wait(waiting, { timeoutMs: 60_000 })).toMatchObject({ outcome: { status: 'succeeded' } });
    expect(await tracesOf(stack, waiting)).toMatchObject({ claims: 1, effects: 1, leases: 1 });

    await until(agent, preparing, ({ state }) => state === 'waiting', 60_000);
    expect(await ben.decideOn(preparing, 'approve')).toMatchObject({ state: 'filled' });
    // The outcome is told at once; the proof that the lost preview's user is gone may come behind it, by a closing receipt.
    const done = await until(agent, preparing, ({ state, lease }) => state === 'done' && lease === 'revoked', 60_000);
    expect(done).toMatchObject({ outcome: { status: 'succeeded' }, lease: 'revoked' });
    expect(done.leases.map(({ purpose }) => purpose)).toEqual(['preview', 'preview', 'execute']);
    expect(done.leases.every(({ revokedAtMs, proofs }) => revokedAtMs !== null && proofs.length > 0)).toBe(true);
    expect(await tracesOf(stack, preparing)).toMatchObject({ users: 0, sessions: 0, claims: 1, effects: 1 });
  }, 120_000);
});

describe('a gateway that is started again', () => {
  it('decides on what waits', async () => {
    const { actionId } = await agent.request(PLAIN_EXPORT);
    await until(agent, actionId, ({ state }) => state === 'waiting');
    await gateway.stop();
    gateway = await stack.start('gateway');
    expect(await ben.decideOn(actionId, 'approve')).toMatchObject({ state: 'filled' });
    expect(await agent.wait(actionId, { timeoutMs: 30_000 })).toMatchObject({ outcome: { status: 'succeeded' } });
    expect(await tracesOf(stack, actionId)).toMatchObject({ claims: 1, effects: 1, leases: 1 });
  });
});
