import type { JWTPayload } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEvents, type EventReader } from '../support/events.js';
import { startTestGateway, type TestGateway } from '../support/gateway.js';
import { startTestIssuer, type TestIssuer } from '../support/issuer.js';
import { until } from '../support/until.js';
import { signInToWeb, type WebSession } from '../support/web-session.js';

let issuer: TestIssuer;
let gateway: TestGateway;
const readers: EventReader[] = [];

beforeAll(async () => {
  issuer = await startTestIssuer();
  gateway = await startTestGateway({ issuer: issuer.issuer });
});

afterAll(async () => {
  for (const reader of readers) reader.close();
  await gateway.stop();
  await issuer.stop();
});

async function follow(path: string, session: WebSession, headers: Record<string, string> = {}): Promise<EventReader> {
  const sent = { cookie: session.cookie, 'sec-fetch-site': 'same-origin', ...headers };
  const reader = await readEvents(gateway.url + path, sent);
  readers.push(reader);
  return reader;
}

const as = (sub: string) => signInToWeb(gateway, issuer, { claims: { sub } satisfies JWTPayload });

/** An action on record, of which nothing more comes by itself: no worker runs. */
async function asked(): Promise<string> {
  const { actionId, envelope } = await gateway.sign();
  const answer = await gateway.send('POST', '/v1/actions', { body: envelope });
  if (answer.status !== 202) throw new Error(answer.text);
  return actionId;
}

/** Puts something about the action on record: an attempt to decide, which is refused. */
async function changed(actionId: string, session: WebSession): Promise<void> {
  const body = { decision: 'deny', reason: 'No', actionDigest: 'a'.repeat(64) };
  const headers = { 'idempotency-key': 'k' };
  const answer = await session.send('POST', `/v1/actions/${actionId}/decision`, { body, headers });
  expect(answer.json).toMatchObject({ code: 'digest_mismatch' });
}

describe('the events of an action', () => {
  it('tell its revision at once, and each new one, without anything of its content', async () => {
    const carol = await as('carol');
    const actionId = await asked();
    const events = await follow(`/v1/actions/${actionId}/events`, carol);
    expect(events.status).toBe(200);
    expect(Object.fromEntries(events.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    });
    await events.untilEvents(1);
    await changed(actionId, carol);
    await events.untilEvents(2);
    const [first = '', second = ''] = events.ids;
    expect(events.text()).toBe(
      `retry: 2000\n\nevent: change\nid: ${first}\ndata: {"revision":"${first}"}\n\n` +
        `event: change\nid: ${second}\ndata: {"revision":"${second}"}\n\n`,
    );
    events.close();
  });

  it('leave out what is known already', async () => {
    const carol = await as('carol');
    const actionId = await asked();
    const before = await follow(`/v1/actions/${actionId}/events`, carol);
    await before.untilEvents(1);
    const after = await follow(`/v1/actions/${actionId}/events`, carol, { 'last-event-id': before.ids[0] ?? '' });
    await changed(actionId, carol);
    await after.untilEvents(1);
    expect(after.ids).toEqual([expect.not.stringMatching(`^${before.ids[0] ?? ''}$`)]);
    before.close();
    after.close();
  });

  it('are for who may see the action, from a page of ours', async () => {
    const carol = await as('carol');
    const path = `/v1/actions/${await asked()}/events`;
    expect((await follow(path, carol, { 'sec-fetch-site': 'cross-site' })).status).toBe(401);
    const authorization = await gateway.agentHeader('second-bot', 'GET', path);
    expect((await gateway.send('GET', path, { authorization })).status).toBe(404);
    const own = await gateway.agentHeader('export-bot', 'GET', path);
    const reader = await readEvents(gateway.url + path, { authorization: own });
    await reader.untilEvents(1);
    reader.close();
  });

  it('end when the person signs out, and do not begin again', async () => {
    const dave = await as('dave');
    const path = `/v1/actions/${await asked()}/events`;
    const [one, other] = [await follow(path, dave), await follow('/v1/queue/events', dave)];
    await Promise.all([one.untilEvents(1), other.untilEvents(1)]);
    expect((await dave.send('POST', '/sign-out')).status).toBe(204);
    await until(async () => one.isOver() && other.isOver());
    expect((await follow(path, dave)).status).toBe(401);
  });

  it('are bounded for each person, whatever their sessions, and free again when one goes', async () => {
    const [ana, again, ben] = [await as('ana'), await as('ana'), await as('ben')];
    const path = `/v1/actions/${await asked()}/events`;
    const held: EventReader[] = [];
    for (let count = 0; count < 12; count += 1) held.push(await follow(path, count % 2 === 0 ? ana : again));
    expect(held.map(({ status }) => status)).toEqual(held.map(() => 200));
    expect(await ana.send('GET', path)).toMatchObject({ status: 429, json: { code: 'quota_exceeded' } });
    const others = await follow(path, ben);
    expect(others.status).toBe(200);
    held[0]?.close();
    await until(async () => {
      const reader = await follow(path, ana);
      return reader.status === 200;
    });
    for (const reader of [...held, others]) reader.close();
  });
});

describe('the record tells of changes', () => {
  const listeners = "select pid from pg_stat_activity where datname = current_database() and query ilike 'listen %'";

  it('over one connection, and when that is lost again over another, missing nothing', async () => {
    const carol = await as('carol');
    const actionId = await asked();
    const events = await follow(`/v1/actions/${actionId}/events`, carol);
    await events.untilEvents(1);
    const pids = await listening();
    expect(pids).toHaveLength(1);
    await gateway.installation.inRecord((client) => client.query('select pg_terminate_backend($1)', [pids[0]]));
    await changed(actionId, carol);
    await events.untilEvents(2);
    await until(async () => {
      const now = await listening();
      return now.length === 1 && now[0] !== pids[0];
    });
    await changed(actionId, carol);
    await events.untilEvents(3);
    events.close();
  });

  async function listening(): Promise<number[]> {
    const { rows } = await gateway.installation.inRecord((client) => client.query<{ pid: number }>(listeners));
    return rows.map(({ pid }) => pid);
  }

  it('which makes a long poll quick', async () => {
    const carol = await as('carol');
    const actionId = await asked();
    const path = `/v1/actions/${actionId}/wait?timeoutSeconds=60`;
    const { revision } = (await carol.send('GET', path)).json;
    const waiting = carol.send('GET', `${path}&sinceRevision=${String(revision)}`);
    await changed(actionId, carol);
    expect((await waiting).json).not.toMatchObject({ revision });
  });
});
