import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { createApi } from '../../../src/channels/api/api.js';
import { createEventStreams, type EventStreamsOptions, type Stream } from '../../../src/channels/api/event-streams.js';
import { createCookies } from '../../../src/channels/api/page/session.js';
import { createSessions } from '../../../src/channels/api/page/sessions.js';
import { sendProblem } from '../../../src/channels/api/problems.js';
import type { Change } from '../../../src/record/changes.js';
import { readEvents, type EventReader } from '../../support/events.js';
import { until } from '../../support/until.js';
import { loadPolicy } from '../enforcement/evidence.js';
import { editedBundle, EXAMPLE } from '../policy/bundle-folders.js';

const before = await loadPolicy(EXAMPLE);
const after = await loadPolicy(
  await editedBundle([{ file: 'directory.yaml', from: 'oidcSubject: carol\n', to: 'oidcSubject: carol-who-left\n' }]),
);

const apps: FastifyInstance[] = [];
const readers: EventReader[] = [];

afterEach(async () => {
  for (const reader of readers.splice(0)) reader.close();
  for (const app of apps.splice(0)) await app.close();
});

async function listen(app: FastifyInstance): Promise<string> {
  apps.push(app);
  await app.listen({ host: '127.0.0.1', port: 0 });
  return `http://127.0.0.1:${String((app.server.address() as AddressInfo).port)}`;
}

async function follow(url: string, headers: Record<string, string> = {}): Promise<EventReader> {
  const reader = await readEvents(url, headers);
  readers.push(reader);
  return reader;
}

describe('an event stream', () => {
  const closing = new AbortController();

  /** A server whose every address is one stream; the query names whose. */
  async function serve(
    stream: Partial<Stream>,
    options: Partial<EventStreamsOptions> = {},
  ): Promise<{ url: string; push: (revision: string) => void }> {
    const streams = createEventStreams({ closing: closing.signal, clock: Date.now, ...options });
    const pushes = new Set<(revision: string) => void>();
    const app = fastify({ forceCloseConnections: true });
    app.setErrorHandler((error, _request, reply) => sendProblem(reply, error));
    app.get('/', (request, reply) =>
      streams.serve(request, reply, {
        who: (request.query as { who?: string }).who ?? 'person/carol',
        untilMs: Date.now() + 60_000,
        isAllowed: () => Promise.resolve(true),
        subscribe: (push) => {
          pushes.add(push);
          return () => pushes.delete(push);
        },
        ...stream,
      }),
    );
    return {
      url: await listen(app),
      push: (revision) => {
        for (const push of pushes) push(revision);
      },
    };
  }

  it('shows that it lives, tells each revision once, and stops listening when it is over', async () => {
    const state = { isAllowed: true };
    const { url, push } = await serve({ isAllowed: () => Promise.resolve(state.isAllowed) }, { heartbeatMs: 20 });
    const reader = await follow(url);
    for (const revision of ['1', '1', '2']) push(revision);
    await reader.untilEvents(2);
    await until(async () => reader.text().includes(': alive\n\n'));
    expect(reader.ids).toEqual(['1', '2']);
    state.isAllowed = false;
    await until(async () => reader.isOver());
    push('3');
    expect(reader.ids).toEqual(['1', '2']);
  });

  it('waits while nobody can tell whether it is allowed', async () => {
    const state = { asked: 0 };
    const isAllowed = () => {
      state.asked += 1;
      return state.asked === 1 ? Promise.reject(new Error('The record is away')) : Promise.resolve(true);
    };
    const { url, push } = await serve({ isAllowed });
    const reader = await follow(url);
    push('1');
    push('2');
    await reader.untilEvents(1);
    expect(reader.ids).toEqual(['2']);
    expect(reader.isOver()).toBe(false);
  });

  it('ends at its time', async () => {
    const { url } = await serve({ untilMs: Date.now() + 50 });
    const reader = await follow(url);
    await until(async () => reader.isOver());
  });

  it('is one of so many, in all and for each person', async () => {
    const { url } = await serve({}, { perPerson: 2, total: 3 });
    const statuses: number[] = [];
    for (const who of ['a', 'a', 'a', 'b', 'c']) statuses.push((await follow(`${url}?who=${who}`)).status);
    expect(statuses).toEqual([200, 200, 429, 200, 429]);
  });
});

describe('a reader who goes before the stream has begun', () => {
  it('holds no place', async () => {
    const streams = createEventStreams({ closing: new AbortController().signal, clock: Date.now, perPerson: 1 });
    const stream = {
      who: 'person/carol',
      untilMs: Date.now() + 60_000,
      isAllowed: () => Promise.resolve(true),
      subscribe: () => () => undefined,
    };
    const leaving = new AbortController();
    const state = { isServed: false };
    const app = fastify({ forceCloseConnections: true });
    app.setErrorHandler((error, _request, reply) => sendProblem(reply, error));
    app.get('/', (request, reply) => streams.serve(request, reply, stream));
    app.get('/gone', async (request, reply) => {
      const closed = once(reply.raw, 'close');
      leaving.abort();
      await closed;
      streams.serve(request, reply, stream);
      state.isServed = true;
      return reply;
    });
    const url = await listen(app);
    await expect(fetch(`${url}/gone`, { signal: leaving.signal })).rejects.toThrow();
    await until(async () => state.isServed);
    expect((await follow(url)).status).toBe(200);
  });
});

describe('a person who leaves the directory', () => {
  it('is signed in no more, and told nothing more', async () => {
    const state = { policy: before };
    const key = Buffer.alloc(32, 1).toString('base64url');
    const ended = { end: () => Promise.resolve(), hasEnded: () => Promise.resolve(false) };
    const listeners = new Set<(change: Change) => void>();
    const app = await createApi({
      ...OTHERS,
      policy: () => state.policy,
      record: { ...OTHERS.record, listActions: () => Promise.resolve([]), ofActions: () => Promise.resolve([]) },
      changes: {
        subscribe: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
      endedSessions: ended,
      sessionKey: key,
    });
    const url = await listen(app);
    const cookies = createCookies({ key, hasTls: false, clock: Date.now });
    const { cookie } = await createSessions({ cookies, ended, clock: Date.now }).begin({
      subject: 'carol',
      authTimeMs: null,
      acr: null,
    });
    const headers = { cookie: cookie.split(';')[0] ?? '', 'sec-fetch-site': 'same-origin' };
    const get = (path: string) => fetch(url + path, { headers });
    expect((await get('/session')).status).toBe(200);
    const events = await follow(`${url}/v1/queue/events`, headers);
    await events.untilEvents(1);

    state.policy = after;
    for (const path of ['/session', '/v1/queue', '/v1/queue/events']) {
      const answer = await get(path);
      expect([answer.status, await answer.json()]).toMatchObject([403, { code: 'person_unknown' }]);
    }
    for (const tell of listeners) tell({ kind: 'any' });
    await until(async () => events.isOver());
    expect(events.ids).toHaveLength(1);
  });
});

const unused = (): never => {
  throw new Error('This part is not used');
};

const OTHERS: Parameters<typeof createApi>[0] = {
  policy: unused,
  record: {
    append: unused,
    appendAgentStatement: unused,
    openTwin: unused,
    ofAction: unused,
    ofActions: unused,
    listActions: unused,
    freezesOf: unused,
    newestFreezes: unused,
    alarms: unused,
    effectsWithin: unused,
    debts: unused,
    listIncidents: unused,
    close: unused,
  },
  changes: { subscribe: () => () => undefined },
  endedSessions: { end: unused, hasEnded: unused },
  contents: { get: unused },
  sources: { put: unused },
  evidence: unused,
  intake: { submit: unused, attach: unused },
  decisions: { decide: unused },
  withdrawals: { withdraw: unused },
  freezing: { freeze: unused, list: unused },
  unfreezing: { unfreeze: unused },
  clearing: { list: unused, clear: unused },
  retrospectives: { list: unused, review: unused },
  ledger: { checkpoint: unused, entries: unused, prove: unused, tile: unused },
  ledgerIsPublic: false,
  codec: { payloads: { decode: unused }, namespace: '', uiOrigins: [], audiences: [] },
  budgets: unused,
  siem: unused,
  deliveries: { list: unused, replay: unused },
  workloads: { isOurs: unused, read: unused },
  refusals: { put: () => Promise.resolve() },
  ready: unused,
  clock: Date.now,
  log: false,
  trustedProxies: [],
  publicUrl: 'http://127.0.0.1:8480',
  oidc: {
    issuer: 'http://127.0.0.1:9',
    audience: 'countersign',
    clientId: 'countersign-console',
    tokenTypes: ['at+jwt'],
  },
  sessionKey: undefined,
  assurance: { maxAgeMs: 300_000, acrValues: [] },
  consoleDir: '',
  artefactsDir: '',
};
