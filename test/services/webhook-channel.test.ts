import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { Channel } from '../../src/channels/channel.js';
import { createDeliverer, type Deliverer } from '../../src/channels/webhook/deliverer.js';
import {
  createDeliveryLog,
  webhookAlarmsSql,
  webhookDeliveriesSql,
  type DeliveryLog,
} from '../../src/channels/webhook/delivery-log.js';
import { createWebhookChannel } from '../../src/channels/webhook/webhook-channel.js';
import { Secret } from '../../src/core/secret.js';
import { sha256Hex } from '../../src/core/json.js';
import { createMessageDatabase, type MessageDatabase } from '../fakes/slack/message-database.js';
import { until } from '../support/until.js';
import { ACTION_ID, doneView, PUBLIC_URL, waitingView } from '../unit/slack/views.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

interface Received {
  headers: IncomingHttpHeaders;
  body: string;
}

let database: MessageDatabase;
let receiver: Server;
/** What was answered 204, oldest first. */
let received: Received[];
/** Statuses of the next answers; then 204. */
let answers: { status: number; headers?: Record<string, string> }[];
let requests: number;
let pools: pg.Pool[];
let faults: unknown[];

beforeAll(async () => {
  database = await createMessageDatabase(inject('services').postgres.adminUrl);
  await database.pool.query(webhookDeliveriesSql(database.roles));
  await database.pool.query(webhookAlarmsSql(database.roles));
  receiver = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      requests += 1;
      const { status, headers } = answers.shift() ?? { status: 204 };
      if (status === 204) received.push({ headers: request.headers, body: Buffer.concat(parts).toString() });
      response.writeHead(status, headers).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await database.stop();
  await new Promise((resolve) => receiver.close(resolve));
});
beforeEach(async () => {
  [received, answers, pools, faults] = [[], [], [], []];
  requests = 0;
  await database.pool.query('truncate countersign.webhook_deliveries');
});
afterEach(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  expect(faults).toEqual([]);
});

/** The log as a process of this role may use it. */
function logOf(role: keyof MessageDatabase['roles']): DeliveryLog {
  const { connectionString } = database.pool.options;
  const pool = new pg.Pool({ connectionString, max: 4, options: `-c role=${database.roles[role]}` });
  pools.push(pool);
  return createDeliveryLog(pool);
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/hook`;
}

interface Sender {
  channel: Channel;
  deliverer: Deliverer;
}

function senderOf(role: 'worker' | 'notary', url = addressOf(receiver), clock: () => number = Date.now): Sender {
  const log = logOf(role);
  const channel = createWebhookChannel({
    log,
    endpoints: ['chat'],
    publicUrl: PUBLIC_URL,
    clock,
    wake: () => undefined,
  });
  const endpoints = [{ name: 'chat', url, secrets: [new Secret(SECRET)] }];
  const deliverer = createDeliverer({
    log,
    endpoints,
    clock,
    timeoutMs: 2_000,
    onFault: (error) => faults.push(error),
  });
  return { channel, deliverer };
}

/** Lets what waits for its next attempt be due. */
async function passTime(): Promise<void> {
  await database.pool.query(`update countersign.webhook_deliveries set due_at = now() where state = 'pending'`);
}

/** As a receiver verifies, after docs/channels/webhook.md. */
function verifies({ headers, body }: Received, nowSeconds = Date.now() / 1_000): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signatures } = headers;
  if (Math.abs(nowSeconds - Number(time)) > 300) return false;
  const key = Buffer.from(SECRET.replace('whsec_', ''), 'base64');
  const wanted = createHmac('sha256', key)
    .update(`${String(id)}.${String(time)}.${body}`)
    .digest();
  return String(signatures)
    .split(' ')
    .map((signature) => Buffer.from(signature.replace(/^v1,/, ''), 'base64'))
    .some((given) => given.length === wanted.length && timingSafeEqual(given, wanted));
}

const types = (): unknown[] => received.map(({ body }) => (JSON.parse(body) as { type: unknown }).type);

describe('an announcement', () => {
  it('arrives signed, with the action as the API shows it and a link, without logs', async () => {
    const { channel, deliverer } = senderOf('worker');
    await channel.announce('opened', waitingView(), 1);
    await deliverer.deliver();
    const [message] = received;
    if (message === undefined) throw new Error('nothing arrived');
    expect(verifies(message)).toBe(true);
    expect(JSON.parse(message.body)).toMatchObject({
      id: message.headers['webhook-id'],
      type: 'action.opened',
      data: {
        actionId: ACTION_ID,
        link: `${PUBLIC_URL}/view/${ACTION_ID}`,
        action: { actionId: ACTION_ID, state: 'waiting', request: waitingView().request },
      },
    });
    expect(message.headers['content-type']).toBe('application/json');
    expect(message.body).not.toContain(SECRET);
    const { deliveries } = await logOf('gateway').list({ limit: 10 });
    expect(deliveries).toMatchObject([
      {
        endpoint: 'chat',
        event: 'opened',
        state: 'delivered',
        attempts: 1,
        lastStatus: 204,
        payloadSha256: sha256Hex(message.body),
      },
    ]);
    expect(JSON.stringify(deliveries)).not.toContain('total');
  });

  it.each<[string, (message: Received) => Received]>([
    ['an altered body', (message) => ({ ...message, body: message.body.replace('opened', 'decided') })],
    ['another id', (message) => ({ ...message, headers: { ...message.headers, 'webhook-id': 'msg_x' } })],
    [
      'another time',
      (message) => ({
        ...message,
        headers: { ...message.headers, 'webhook-timestamp': String(Math.floor(Date.now() / 1_000) - 1) },
      }),
    ],
    ['no signature', (message) => ({ ...message, headers: { ...message.headers, 'webhook-signature': '' } })],
  ])('with %s is not taken by a receiver', async (_what, alter) => {
    const { channel, deliverer } = senderOf('worker', undefined, () => Date.now() + 5_000);
    await channel.announce('opened', waitingView(), 1);
    await deliverer.deliver();
    const [message] = received;
    if (message === undefined) throw new Error('nothing arrived');
    expect(verifies(message)).toBe(true);
    expect(verifies(alter(message))).toBe(false);
    expect(verifies(message, Date.now() / 1_000 + 400)).toBe(false);
  });

  it('told again is one message; every one comes once, in order, whichever process sends it', async () => {
    const [worker, notary] = [senderOf('worker'), senderOf('notary')];
    for (const [number, event] of (['opened', 'reminded', 'escalated', 'paged', 'decided'] as const).entries()) {
      await worker.channel.announce(event, waitingView(), number + 1);
      await worker.channel.announce(event, waitingView(), number + 1);
    }
    await notary.channel.announce('concluded', doneView({ lease: 'open' }), 0);
    await notary.channel.announce('concluded', doneView(), 0);
    await notary.channel.announce('concluded', doneView(), 0);
    await until(async () => {
      await Promise.all([worker.deliverer.deliver(), notary.deliverer.deliver()]);
      return received.length >= 7;
    });
    await Promise.all([worker.deliverer.deliver(), notary.deliverer.deliver()]);
    expect(types()).toEqual(
      ['opened', 'reminded', 'escalated', 'paged', 'decided', 'concluded', 'concluded'].map(
        (event) => `action.${event}`,
      ),
    );
  });

  it('that is very large carries the link alone', async () => {
    const { channel, deliverer } = senderOf('worker');
    const view = waitingView();
    const params = { target: 'orders', query: 'x'.repeat(1_000_001) };
    await channel.announce('opened', { ...view, request: { ...view.request, params } }, 1);
    await deliverer.deliver();
    expect(JSON.parse(received[0]?.body ?? '')).toMatchObject({
      data: { action: null, link: `${PUBLIC_URL}/view/${ACTION_ID}` },
    });
  });
});

describe('of alarms and freezes', () => {
  const by = { person: 'erin', group: 'security' };
  const via = { channel: 'api', subject: 'erin@example.com' };
  const alarm = {
    digest: sha256Hex('alarm'),
    body: {
      code: 'policy_tampered',
      severity: 'critical' as const,
      sentence: 'The bundle is not what was signed.',
      stopsApprovals: true,
      raisedAtMs: 1,
    },
    cleared: null,
  };
  const cleared = { alarm: alarm.digest, reason: 'Put back.', by, via, clearedAtMs: 2 };
  const freeze = {
    digest: sha256Hex('freeze'),
    scope: { kind: 'agent' as const, agent: 'export-bot' },
    because: 'person' as const,
    by: 'erin',
    reason: 'It leaks.',
    actionId: null,
    frozenAtMs: 1,
    lifts: [],
    missing: 2,
  };
  const said = [{ person: 'fay', reason: 'Mended.', atMs: 2 }];

  it('a receiver hears once of each, and of its end, in order, whichever notary tells', async () => {
    const [one, other] = [senderOf('notary'), senderOf('notary')];
    answers.push({ status: 503 });
    await one.channel.alarmStands?.(alarm);
    await one.deliverer.deliver();
    for (const { channel } of [one, other]) {
      await channel.alarmStands?.(alarm);
      await channel.alarmCleared?.({ ...alarm, cleared });
      // This notary was away while it stood.
      await channel.freezeLifted?.({ ...freeze, lifts: said, missing: 0 });
      await channel.freezeStands?.(freeze);
    }
    await one.deliverer.deliver();
    // The clearance waits for the alarm, which is tried again; the freeze waits for neither.
    expect(types()).toEqual(['freeze.put', 'freeze.lifted']);
    await passTime();
    await other.deliverer.deliver();
    expect(types().slice(2)).toEqual(['alarm.raised', 'alarm.cleared']);
    expect(received.every((message) => verifies(message))).toBe(true);
    const data = received.map(({ body }) => (JSON.parse(body) as { data: unknown }).data);
    const link = `${PUBLIC_URL}/actions?show=incidents`;
    const shown = { digest: alarm.digest, ...alarm.body };
    expect(data.slice(1)).toEqual([
      { link, freeze: { ...freeze, lifts: said, missing: 0 } },
      { link, alarm: { ...shown, cleared: null } },
      { link, alarm: { ...shown, cleared: { reason: 'Put back.', by, clearedAtMs: 2 } } },
    ]);

    const gateway = logOf('gateway');
    const [last] = (await gateway.list({ limit: 1 })).deliveries;
    expect(last).toMatchObject({ actionId: null, statement: freeze.digest, event: 'freeze.lifted' });
    await gateway.replay(last?.id ?? '', 'carol');
    await one.deliverer.deliver();
    expect(types().at(-1)).toBe('freeze.lifted');
  });

  it('only the notary tells', async () => {
    await expect(senderOf('worker').channel.alarmStands?.(alarm)).rejects.toThrow('42501');
  });
});

describe('a receiver', () => {
  it('that is away and comes back gets everything once, in order', async () => {
    const reserved = createServer();
    await new Promise<void>((resolve) => reserved.listen(0, '127.0.0.1', resolve));
    const url = addressOf(reserved);
    await new Promise((resolve) => reserved.close(resolve));
    const away = senderOf('worker', url);
    await away.channel.announce('opened', waitingView(), 1);
    await away.channel.announce('decided', waitingView(), 2);
    await away.deliverer.deliver();
    await passTime();
    await away.deliverer.deliver();
    expect((await logOf('gateway').list({ limit: 10 })).deliveries).toMatchObject([
      { event: 'decided', state: 'pending', attempts: 0 },
      { event: 'opened', state: 'pending', attempts: 2, lastStatus: null },
    ]);

    const back = senderOf('notary');
    answers.push({ status: 503 });
    await back.channel.announce('concluded', doneView(), 0);
    await until(async () => {
      await passTime();
      await back.deliverer.deliver();
      return received.length >= 3;
    });
    await passTime();
    await back.deliverer.deliver();
    expect(types()).toEqual(['action.opened', 'action.decided', 'action.concluded']);
    expect(requests).toBe(4);
  });

  it.each([
    [{ status: 429, headers: { 'retry-after': '120' } }, 'pending', 115_000, 125_000],
    [{ status: 500 }, 'pending', -1_000, 5_000],
    [{ status: 302, headers: { location: 'http://127.0.0.1:1/' } }, 'pending', -1_000, 5_000],
    [{ status: 404 }, 'pending', -1_000, 5_000],
  ] as const)('answering %o is tried again when it asked', async (answer, state, leastMs, mostMs) => {
    const { channel, deliverer } = senderOf('worker');
    answers.push(answer);
    await channel.announce('opened', waitingView(), 1);
    await deliverer.deliver();
    const [delivery] = (await logOf('gateway').list({ limit: 1 })).deliveries;
    expect(delivery).toMatchObject({ state, lastStatus: answer.status, attempts: 1 });
    const pauseMs = (delivery?.dueAtMs ?? 0) - Date.now();
    expect(pauseMs).toBeGreaterThan(leastMs);
    expect(pauseMs).toBeLessThan(mostMs);
    expect(requests).toBe(1);
  });

  it('that wants no more is told no more of it, until a person sends it again', async () => {
    const { channel, deliverer } = senderOf('worker');
    answers.push({ status: 410 });
    await channel.announce('opened', waitingView(), 1);
    await deliverer.deliver();
    await deliverer.deliver();
    const gateway = logOf('gateway');
    const [failed] = (await gateway.list({ limit: 10, state: 'failed', actionId: ACTION_ID })).deliveries;
    expect([failed?.lastStatus, requests]).toEqual([410, 1]);
    expect(await gateway.replay(failed?.id ?? '', 'carol')).toMatchObject({ state: 'pending', replayedBy: 'carol' });
    await deliverer.deliver();
    expect(received.map(({ headers }) => headers['webhook-id'])).toEqual([failed?.id]);
    await gateway.replay(failed?.id ?? '', 'carol');
    await deliverer.deliver();
    expect(received.map(({ headers }) => headers['webhook-id'])).toEqual([failed?.id, failed?.id]);
    expect(await gateway.replay(`msg_${'0'.repeat(32)}`, 'carol')).toBeUndefined();
  });

  it('that is away for three days is given up, and the next message has its turn', async () => {
    const later = senderOf('worker', undefined, () => Date.now() + 4 * 86_400_000);
    answers.push({ status: 500 });
    await later.channel.announce('opened', waitingView(), 1);
    await later.channel.announce('decided', waitingView(), 2);
    await later.deliverer.deliver();
    expect((await logOf('gateway').list({ limit: 10 })).deliveries.map(({ state }) => state)).toEqual([
      'delivered',
      'failed',
    ]);
  });
});

describe('the log of deliveries', () => {
  it('is paged, and forgotten by the notary alone', async () => {
    const { channel } = senderOf('worker');
    for (const number of [1, 2, 3]) await channel.announce('reminded', waitingView(), number);
    const gateway = logOf('gateway');
    const first = await gateway.list({ limit: 2 });
    const second = await gateway.list({ limit: 2, before: first.next ?? '' });
    expect([first.deliveries.length, second.deliveries.length, second.next]).toEqual([2, 1, null]);
    await expect(gateway.removeOlderThan(0)).rejects.toThrow('42501');
    await expect(logOf('worker').removeOlderThan(0)).rejects.toThrow('42501');
    await expect(logOf('executor').list({ limit: 1 })).rejects.toThrow('42501');
    await expect(
      gateway.add({
        id: `msg_${'0'.repeat(32)}`,
        endpoint: 'chat',
        actionId: ACTION_ID,
        event: 'opened',
        payload: '{}',
      }),
    ).rejects.toThrow('42501');
    expect(await logOf('notary').removeOlderThan(60_000)).toBe(0);
    expect(await logOf('notary').removeOlderThan(-60_000)).toBe(3);
  });
});
