import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { CountersignGateway } from '../../src/client/index.js';
import { Secret } from '../../src/core/secret.js';
import type { ActionView } from '../../src/record/action-view.js';
import { createVaultClient } from '../../src/vault/client.js';
import { agentOf, personAt, PLAIN_EXPORT, until as untilView, type PersonAtGateway } from '../support/actors.js';
import { startStack, type Stack } from '../support/stack.js';
import { startThiefProxy, type ThiefProxy } from '../support/thief-proxy.js';
import { until } from '../support/until.js';
import { GONE, refusalsOf, statementsOf, tracesOf } from './traces.js';

let thief: ThiefProxy;
let pagerduty: Server;
let paged: { dedup_key: string; payload: { summary: string; severity: string } }[];
let stack: Stack;
let agent: CountersignGateway;
let ben: PersonAtGateway;

beforeAll(async () => {
  thief = await startThiefProxy(inject('services').vault.address);
  paged = [];
  pagerduty = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      paged.push(JSON.parse(Buffer.concat(parts).toString()) as (typeof paged)[number]);
      response.writeHead(202).end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(pagerduty, 'listening');
  const eventsUrl = `http://127.0.0.1:${String((pagerduty.address() as AddressInfo).port)}`;
  const leasing = { COUNTERSIGN_VAULT_ADDRESS: thief.url };
  const paging = {
    COUNTERSIGN_PAGERDUTY_ROUTING_KEY: 'R0123456789012345678901234567890',
    COUNTERSIGN_PAGERDUTY_EVENTS_URL: eventsUrl,
    COUNTERSIGN_PUBLIC_URL: 'https://countersign.example',
  };
  stack = await startStack({ extra: { worker: leasing, executor: leasing, notary: paging } });
  agent = agentOf(stack);
  ben = await personAt(stack, 'ben');
});
afterAll(async () => {
  await stack.close();
  await thief.close();
  await new Promise((resolve) => pagerduty.close(resolve));
});

async function waiting(): Promise<string> {
  const { actionId } = await agent.request(PLAIN_EXPORT);
  await untilView(agent, actionId, ({ state }) => state === 'waiting');
  return actionId;
}

const steals: [
  string,
  { by: 'worker' | 'executor'; leased: string },
  () => Promise<{ actionId: string; stolen: string }>,
][] = [
  [
    'the preview’s',
    { by: 'worker', leased: 'orders-preview' },
    async () => {
      const stealing = thief.stealNext();
      const { actionId } = await agent.request(PLAIN_EXPORT);
      return { actionId, stolen: await stealing };
    },
  ],
  [
    'the execution’s',
    { by: 'executor', leased: 'orders-execute' },
    async () => {
      const actionId = await waiting();
      const stealing = thief.stealNext();
      await ben.decideOn(actionId, 'approve');
      return { actionId, stolen: await stealing };
    },
  ],
];

describe.each(steals)('a wrapped token that somebody else unwraps first, %s', (_which, { by, leased }, steal) => {
  let actionId: string;
  let stolen: string;
  let view: ActionView;
  beforeAll(async () => {
    ({ actionId, stolen } = await steal());
    view = await agent.wait(actionId, { timeoutMs: 60_000 });
  });

  it('ends the action, and is worth nothing any more', async () => {
    expect(view.outcome).toMatchObject({ status: 'refused', code: 'lease_intercepted' });
    expect(view.outcome?.message).toMatch(/^Somebody else unwrapped a Vault token of this action\. .* incident tells/);
    expect(await refusalsOf(stack, actionId)).toEqual(['lease_intercepted']);
    const client = createVaultClient({
      address: inject('services').vault.address,
      credential: () => new Secret(stolen),
    });
    await expect(client.read('auth/token/lookup-self')).rejects.toMatchObject({ status: 403 });
    expect(await tracesOf(stack, actionId)).toMatchObject({ ...GONE, effects: 0 });
  });

  it('is an incident on record, by whoever leased, with what happened and where to look', async () => {
    const told = (await statementsOf(stack, 'incident')).filter((incident) => incident.actionId === actionId);
    expect(told).toMatchObject([{ body: { agent: 'export-bot', code: 'lease_intercepted', severity: 'critical' } }]);
    expect(told[0]?.envelope.signatures[0]?.keyid).toMatch(new RegExp(`^${by}/`));
    const sentence = told[0]?.body.sentence ?? '';
    expect(sentence).toMatch(
      new RegExp(
        `^The Vault token \\(accessor \\S+\\) for this ${by === 'worker' ? 'preview' : 'execute'} was unwrapped by someone else\\. It is being revoked; .* Until it ends, .*/${leased} on orders\\. ` +
          `Who could read it: the ${by}'s host, .* Look in Vault's audit log for sys/wrapping/unwrap since \\d\\d:\\d\\d:\\d\\d, and at the target\\.$`,
      ),
    );
    const { incidents } = await ben.incidents();
    expect(incidents.filter((one) => one.actionId === actionId)).toMatchObject([{ sentence, frozen: false }]);
    expect(view.incidents).toMatchObject([{ sentence }]);
  });

  it('wakes people, once', async () => {
    const key = `countersign/${actionId}/incident`;
    await until(async () => paged.some(({ dedup_key }) => dedup_key === key));
    const alerts = paged.filter(({ dedup_key }) => dedup_key === key);
    expect(alerts).toHaveLength(1);
    expect(alerts[0]?.payload).toMatchObject({ severity: 'critical' });
    expect(alerts[0]?.payload.summary).toContain("Look in Vault's audit log");
  });
});

describe('an executor that was killed once the incident was on record', () => {
  it('leases nothing more for the action: it ends with the same answer', async () => {
    const actionId = await waiting();
    const executor = await stack.installation.become('executor');
    const { requestDigest } = await agent.get(actionId);
    const sentence = 'Somebody else unwrapped it.';
    const body = { actionId, agent: 'export-bot', code: 'lease_intercepted', severity: 'critical' as const, sentence };
    await executor.record.append([
      {
        kind: 'incident',
        actionId,
        requestDigest,
        key: 'lease/an-accessor',
        body: { ...body, openedAtMs: Date.now() },
      },
    ]);
    await ben.decideOn(actionId, 'approve');
    const { outcome, lease } = await agent.wait(actionId, { timeoutMs: 60_000 });
    expect([outcome?.code, lease]).toEqual(['lease_intercepted', 'none']);
  });
});
