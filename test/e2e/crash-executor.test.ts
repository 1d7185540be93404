import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startCountersign } from '../../apps/devstack/processes.js';
import type { ServiceProcess } from '../../apps/devstack/services/process.js';
import type { CountersignGateway } from '../../src/client/index.js';
import { LONG_EXPORT, untilExporting } from '../adversarial/long-export.js';
import { GONE, statementsOf, tracesOf, type Traces } from '../adversarial/traces.js';
import { agentOf, personAt, PLAIN_EXPORT, until as untilView, type PersonAtGateway } from '../support/actors.js';
import { startHoldingProxy, type Held, type HoldingProxy, type Place } from '../support/holding-proxy.js';
import { startStack, type Stack } from '../support/stack.js';
import { until } from '../support/until.js';

/** Where an executor is killed, what is there at that moment, and what must come of it. */
interface Point {
  name: string;
  /** Null: in the middle of a long export. */
  place: Place | null;
  before: Partial<Traces>;
  outcome: 'succeeded' | 'unknown';
  /** How often the action was claimed in the end. */
  claims: number;
}

const CREATE = /^auth\/token\/create\//;
const POINTS: Point[] = [
  {
    name: 'during the effect',
    place: null,
    before: { effects: 1, users: 1, vaultLeases: 1, tokens: 1 },
    outcome: 'unknown',
    claims: 1,
  },
  {
    name: 'after the claim',
    place: { method: 'POST', path: CREATE, phase: 'request' },
    before: { claims: 1, leases: 0, tokens: 0, users: 0, effects: 0 },
    outcome: 'succeeded',
    claims: 2,
  },
  {
    name: 'after Vault made the token, which no row names yet',
    place: { method: 'POST', path: CREATE, phase: 'response' },
    before: { claims: 1, leases: 0, tokens: 1, users: 0, effects: 0 },
    outcome: 'succeeded',
    claims: 2,
  },
  {
    name: 'at the unwrapping',
    place: { method: 'POST', path: /^sys\/wrapping\/unwrap$/, phase: 'request' },
    before: { leases: 1, tokens: 1, users: 0, effects: 0 },
    outcome: 'succeeded',
    claims: 2,
  },
  {
    name: 'before the credential is issued',
    place: { method: 'GET', path: /\/creds\//, phase: 'request' },
    before: { leases: 1, tokens: 1, users: 0, effects: 0 },
    outcome: 'succeeded',
    claims: 2,
  },
  {
    name: 'after the credential was issued, which the executor does not know yet',
    place: { method: 'GET', path: /\/creds\//, phase: 'response' },
    before: { leases: 1, tokens: 1, users: 1, effects: 0, vaultLeases: 0 },
    outcome: 'succeeded',
    claims: 2,
  },
  {
    name: 'at the revocation',
    place: { method: 'POST', path: /^sys\/leases\/revoke$/, phase: 'request' },
    before: { effects: 1, leases: 1, tokens: 1, users: 1, vaultLeases: 1 },
    outcome: 'succeeded',
    claims: 1,
  },
];

interface Victim {
  point: Point;
  proxy: HoldingProxy;
  process: ServiceProcess;
}

let stack: Stack;
let agent: CountersignGateway;
let ben: PersonAtGateway;
const victims: Victim[] = [];
/** The action that each point caught. */
const caught = new Map<Point, string>();

beforeAll(async () => {
  stack = await startStack({ processes: ['worker', 'notary', 'gateway'] });
  agent = agentOf(stack);
  ben = await personAt(stack, 'ben');
  const [first, ...others] = POINTS;
  if (first === undefined) throw new Error('there is no first point');
  // The only executor there is takes the long export, and being busy takes nothing else.
  const exporting = await startVictim(first);
  const actionId = await approve(LONG_EXPORT);
  await untilExporting(stack, actionId);
  caught.set(first, actionId);

  await Promise.all(others.map((point) => startVictim(point)));
  const waiting = await Promise.all(others.map(() => hold(PLAIN_EXPORT)));
  const held = new Map(victims.flatMap(({ point, proxy }) => (point.place ? [[point, proxy.hold(point.place)]] : [])));
  // Each executor takes one action, and stands still in it.
  await Promise.all([...waiting.map((id) => ben.decideOn(id, 'approve')), ...[...held].map(catchAt)]);
  await killAt(exporting);
  await stack.start('executor');
});
afterAll(async () => {
  await Promise.all(victims.map(({ process }) => process.stop()));
  await Promise.all(victims.map(({ proxy }) => proxy.close()));
  await stack.close();
});

async function startVictim(point: Point): Promise<Victim> {
  const proxy = await startHoldingProxy(inject('services').vault.address);
  const process = await startCountersign('executor', {
    place: stack.place,
    logFile: join(stack.place.artefactsDir, '..', `executor-${String(POINTS.indexOf(point))}.log`),
    overrides: { COUNTERSIGN_VAULT_ADDRESS: proxy.url, COUNTERSIGN_MAX_CONCURRENT_ACTIONS: '1' },
  });
  const victim = { point, proxy, process };
  victims.push(victim);
  return victim;
}

async function hold(request: typeof PLAIN_EXPORT): Promise<string> {
  const { actionId } = await agent.request(request);
  await untilView(agent, actionId, ({ state }) => state === 'waiting');
  return actionId;
}

async function approve(request: typeof PLAIN_EXPORT): Promise<string> {
  const actionId = await hold(request);
  await ben.decideOn(actionId, 'approve');
  return actionId;
}

async function catchAt([point, { arrived }]: [Point, Held]): Promise<void> {
  caught.set(point, await arrived);
  const victim = victims.find((candidate) => candidate.point === point);
  if (victim !== undefined) await killAt(victim);
}

/** Looks at what is there, so that nothing is proven about another moment, and kills. */
async function killAt({ point, process: { pid } }: Victim): Promise<void> {
  expect(await tracesOf(stack, caught.get(point) ?? ''), point.name).toMatchObject(point.before);
  process.kill(pid, 'SIGKILL');
}

describe('an executor that is killed', () => {
  it.each(POINTS)(
    '$name: the lease is gone, and there was one effect',
    async (point) => {
      const actionId = caught.get(point) ?? '';
      const done = await agent.wait(actionId, { timeoutMs: 60_000 });
      expect(done).toMatchObject({ state: 'done', lease: 'revoked', outcome: { status: point.outcome } });
      // A token that no row names is the sweeper's, which leaves it half a minute.
      await until(async () => (await tracesOf(stack, actionId)).tokens === 0, 60_000);
      expect(await tracesOf(stack, actionId)).toMatchObject({ ...GONE, effects: 1, claims: point.claims });
      const results = (await statementsOf(stack, 'result')).filter((result) => result.actionId === actionId);
      expect(results.map(({ body }) => body.outcome.status)).toEqual([point.outcome]);
      const files = (await readdir(stack.place.artefactsDir)).filter((name) => name.startsWith(actionId)).sort();
      expect(files).toEqual(point.outcome === 'succeeded' ? [`${actionId}.csv`, `${actionId}.json`] : []);
    },
    90_000,
  );
});
