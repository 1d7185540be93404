import fastify, { type FastifyInstance } from 'fastify';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import type { DecisionRequest, Decisions } from '../../src/channels/decisions.js';
import { createSlackGuard } from '../../src/channels/slack/guard.js';
import { slackInteractions, SLACK_INTERACTIONS_PATH } from '../../src/channels/slack/interactions.js';
import { createMessageStore, type MessageStore } from '../../src/channels/slack/message-store.js';
import { createSlackApi, type SlackApi } from '../../src/channels/slack/slack-api.js';
import { createSlackChannel } from '../../src/channels/slack/slack-channel.js';
import type { DecisionAnswer } from '../../src/contracts/workflow.js';
import { Refusal, ServiceFault } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { startFakeSlack, type FakeSlack } from '../fakes/slack/fake-slack.js';
import { createMessageDatabase, type MessageDatabase } from '../fakes/slack/message-database.js';
import { ACTION_DIGEST, ACTION_ID, directory, PUBLIC_URL, slackIds, waitingView } from '../unit/slack/views.js';

const SECRET = '0123456789abcdef0123456789abcdef';
const OTHER_ACTION = '01K9ZZZZZZ0000000000000002';
let database: MessageDatabase;
let store: MessageStore;
let slack: FakeSlack;
let api: SlackApi;
let gateway: FastifyInstance;
let gatewayUrl: string;
let nowMs: number;
/** What reached the port, in order, and how it answers. */
let decided: DecisionRequest[];
let answer: (request: DecisionRequest) => Promise<DecisionAnswer>;
/** What went on record as refused. */
let refused: { code: string; who: string | null }[];

beforeAll(async () => {
  database = await createMessageDatabase(inject('services').postgres.adminUrl);
  store = createMessageStore(database.pool);
});
afterAll(() => database.stop());

beforeEach(async () => {
  nowMs = Date.UTC(2026, 10, 22, 12);
  await database.pool.query('truncate countersign.channel_messages');
  slack = await startFakeSlack({
    ...slackIds,
    conversations: [slackIds.channel],
    signingSecret: SECRET,
    botToken: 'xoxb-test',
    clock: () => nowMs,
  });
  for (const id of ['U0ADA', 'U0BO', 'U0CY', 'U0NOBODY']) slack.state.setUser(id, {});
  api = createSlackApi({ botToken: new Secret('xoxb-test'), appId: slackIds.appId, apiUrl: slack.apiUrl });
  decided = [];
  refused = [];
  answer = async ({ decision }) => ({ state: decision === 'deny' ? 'denied' : 'filled', open: [] });
  const decisions: Decisions = {
    decide: (request) => {
      decided.push(request);
      return answer(request);
    },
  };
  const signingSecret = new Secret(SECRET);
  const clock = (): number => nowMs;
  const guard = createSlackGuard({ signingSecret, teamId: slackIds.teamId, appId: slackIds.appId, clock });
  gateway = fastify({ bodyLimit: 1_000_000 });
  const refusals = {
    put: async (refusal: Refusal, { who }: { who: string | null }) => void refused.push({ code: refusal.code, who }),
  };
  await gateway.register(slackInteractions, {
    guard,
    refusals,
    api,
    decisions,
    directory: () => directory,
    store,
    signingSecret,
    clock,
  });
  await gateway.listen({ host: '127.0.0.1', port: 0 });
  gatewayUrl = `http://127.0.0.1:${String((gateway.server.address() as AddressInfo).port)}`;
});
afterEach(async () => {
  await gateway.close();
  await slack.stop();
});

/** Posts the action's message as the worker would, and gives its timestamp. */
async function postMessage(view = waitingView()): Promise<string> {
  const config = { teamId: slackIds.teamId, channel: slackIds.channel, fallbackChannel: null, publicUrl: PUBLIC_URL };
  await createSlackChannel({ api, store, directory: () => directory, config, clock: () => nowMs }).announce(
    'opened',
    view,
    1,
  );
  return slack.state.messages(slackIds.channel).at(-1)?.ts ?? '';
}

const click = (ts: string, button: 'approve' | 'deny', userId = 'U0ADA'): Promise<Response> =>
  slack.click(gatewayUrl, { conversation: slackIds.channel, ts, button: `countersign_${button}`, userId });

/** Everything acknowledged so far is carried out. */
const told = (): Promise<string> => vi.waitFor(() => must(slack.state.ephemerals.at(-1)?.text));
const openedView = (): Promise<string> => vi.waitFor(() => must(slack.state.views().at(-1)));

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('not yet');
  return value;
}

async function denialForm(ts: string, userId = 'U0ADA'): Promise<string> {
  await click(ts, 'deny', userId);
  return openedView();
}

const submit = async (viewId: string, reason: string | null, userId = 'U0ADA'): Promise<unknown> =>
  (await slack.submit(gatewayUrl, { viewId, userId, reason })).json();

const modalError = (words: string): unknown => ({
  response_action: 'errors',
  errors: { countersign_reason: expect.stringContaining(words) as string },
});

describe('Approve', () => {
  it('is acknowledged at once, decided as the person, and answered to that person only', async () => {
    const response = await click(await postMessage(), 'approve');
    expect([response.status, await response.text()]).toEqual([200, '']);
    expect(await told()).toContain('it was the last one needed');
    expect(slack.state.ephemerals).toMatchObject([{ conversation: slackIds.channel, userId: 'U0ADA' }]);
    expect(decided).toEqual([
      {
        actionId: ACTION_ID,
        actionDigest: ACTION_DIGEST,
        decision: 'approve',
        reason: '',
        person: directory.person('ada'),
        via: {
          channel: 'slack',
          subject: `${slackIds.teamId}/U0ADA`,
          eventId: expect.stringMatching(new RegExp(`^${slackIds.channel}/\\d+\\.\\d+/\\d+\\.\\d+$`)) as string,
        },
      },
    ]);
  });

  it('is acknowledged before the decision is made', async () => {
    let release = (): void => undefined;
    answer = () =>
      new Promise(
        (resolve) =>
          (release = () => {
            resolve({ state: 'waiting', open: [{ group: 'dba', places: 1 }] });
          }),
      );
    expect((await click(await postMessage(), 'approve')).status).toBe(200);
    await vi.waitFor(() => must(decided[0]));
    release();
    expect(await told()).toBe('Your approval counts. Still needed: 1 of dba.');
  });

  it('pressed twice is two events, so that the port can tell the second from a replay', async () => {
    const ts = await postMessage();
    await Promise.all([click(ts, 'approve'), click(ts, 'approve')]);
    await vi.waitFor(() => must(decided[1]));
    expect(new Set(decided.map(({ via }) => via.eventId)).size).toBe(2);
  });

  it.each([
    [
      'a refusal in its own words',
      new Refusal('self_approval', 'You own this agent, so you cannot approve its actions.'),
      'Not counted: You own this agent',
    ],
    [
      'a service that is away',
      new ServiceFault('temporal', 'Temporal is away', true),
      'a service that Countersign needs did not answer',
    ],
    ['a defect, without its details', new Error('secret detail'), 'Something went wrong here.'],
  ])('tells the person of %s', async (_name, error, words) => {
    answer = () => Promise.reject(error);
    await click(await postMessage(), 'approve');
    const text = await told();
    expect(text).toContain(words);
    expect(text).not.toContain('secret detail');
    // Decisions puts its own refusals on record.
    expect(refused).toEqual([]);
  });

  it('is finished before the gateway closes', async () => {
    let release = (): void => undefined;
    answer = () =>
      new Promise(
        (resolve) =>
          (release = () => {
            resolve({ state: 'filled', open: [] });
          }),
      );
    await click(await postMessage(), 'approve');
    await vi.waitFor(() => must(decided[0]));
    const closed = gateway.close();
    release();
    await closed;
    expect(slack.state.ephemerals).toHaveLength(1);
  });
});

describe('Deny', () => {
  it('asks why, and denies with the reason', async () => {
    const viewId = await denialForm(await postMessage());
    expect(await submit(viewId, '  Not this table.  ')).toEqual({ response_action: 'clear' });
    expect(await told()).toContain('Denied.');
    expect(decided).toMatchObject([
      {
        decision: 'deny',
        reason: 'Not this table.',
        person: { id: 'ada' },
        via: { eventId: viewId, subject: `${slackIds.teamId}/U0ADA` },
      },
    ]);
  });

  it.each([
    ['no reason', null, 'say why'],
    ['a blank reason', ' \n ', 'say why'],
    ['a reason that is too long', 'x'.repeat(2_001), 'at most 2000'],
  ])('with %s keeps the modal open and decides nothing', async (_name, reason, words) => {
    const viewId = await denialForm(await postMessage());
    expect(await submit(viewId, reason)).toEqual(modalError(words));
    expect(decided).toEqual([]);
  });

  it('that is refused, or that cannot be recorded, keeps the modal and the text open', async () => {
    const viewId = await denialForm(await postMessage());
    answer = () => Promise.reject(new Refusal('action_closed', 'The action has expired.'));
    expect(await submit(viewId, 'no')).toEqual(modalError('The action has expired.'));
    nowMs += 1_000;
    answer = () => Promise.reject(new ServiceFault('record', 'away', true));
    expect(await submit(viewId, 'no')).toEqual(modalError('Please try again'));
    nowMs += 1_000;
    answer = async () => ({ state: 'denied', open: [] });
    expect(await submit(viewId, 'no')).toEqual({ response_action: 'clear' });
    expect(new Set(decided.map(({ via }) => via.eventId))).toEqual(new Set([viewId]));
  });

  it('that takes longer than Slack waits closes the modal, and the answer comes as a line', async () => {
    const viewId = await denialForm(await postMessage());
    let release = (): void => undefined;
    answer = () =>
      new Promise(
        (resolve) =>
          (release = () => {
            resolve({ state: 'denied', open: [] });
          }),
      );
    expect(await submit(viewId, 'no')).toEqual({ response_action: 'clear' });
    release();
    expect(await told()).toContain('Denied.');
  });

  it.each<[string, (context: Record<string, unknown>) => string]>([
    [
      'of another action',
      (sealed) => JSON.stringify({ ...sealed, context: { ...(sealed['context'] as object), actionId: OTHER_ACTION } }),
    ],
    [
      'that expires later than it did',
      (sealed) => JSON.stringify({ ...sealed, context: { ...(sealed['context'] as object), expiresAtMs: 9e12 } }),
    ],
    ['without a seal', (sealed) => JSON.stringify({ context: sealed['context'] })],
    ['with another seal', (sealed) => JSON.stringify({ ...sealed, mac: '0'.repeat(64) })],
    ['that is not JSON', () => 'x'],
    ['that is empty', () => ''],
  ])('with a form %s is refused', async (_name, alter) => {
    const viewId = await denialForm(await postMessage());
    const view = slack.state.view(viewId);
    view['private_metadata'] = alter(JSON.parse(String(view['private_metadata'])) as Record<string, unknown>);
    expect(await submit(viewId, 'no')).toEqual(modalError('not opened by Countersign'));
    expect([decided, refused]).toEqual([[], [{ code: 'forbidden', who: `slack/${slackIds.teamId}/U0ADA` }]]);
  });

  it('with the form that another person opened is refused', async () => {
    const viewId = await denialForm(await postMessage(), 'U0BO');
    expect(await submit(viewId, 'no', 'U0ADA')).toEqual(modalError('opened by somebody else'));
    expect(decided).toEqual([]);
  });

  it('with a form that was open for more than an hour is refused', async () => {
    const viewId = await denialForm(await postMessage());
    nowMs += 3_600_000;
    expect(await submit(viewId, 'no')).toEqual(modalError('more than an hour'));
  });

  it('by somebody who was deactivated since the form opened is refused', async () => {
    const viewId = await denialForm(await postMessage());
    slack.state.setUser('U0ADA', { deleted: true });
    expect(await submit(viewId, 'no')).toEqual(modalError('full, active member'));
    expect(decided).toEqual([]);
  });

  it('whose trigger has expired tells the person to try again', async () => {
    const ts = await postMessage();
    slack.failNext('views.open', {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: '{"ok":false,"error":"expired_trigger_id"}',
    });
    await click(ts, 'deny');
    expect(await told()).toContain('try again');
  });
});

describe('a click decides nothing when', () => {
  it.each<[string, Record<string, unknown>]>([
    ['a guest', { is_restricted: true }],
    ['a single-channel guest', { is_ultra_restricted: true }],
    ['a person of another workspace', { is_stranger: true }],
    ['a member of another team', { team_id: 'T0OTHER' }],
    ['a bot', { is_bot: true }],
    ['a workflow', { is_workflow_bot: true }],
    ['deactivated', { deleted: true, is_restricted: undefined, is_ultra_restricted: undefined }],
    ['somebody of whom Slack says too little', { is_restricted: undefined }],
  ])('its person is %s', async (_name, fields) => {
    const ts = await postMessage();
    // The click is signed as of our own workspace: only the look-up tells.
    const send = click(ts, 'approve');
    slack.state.setUser('U0ADA', fields);
    expect((await send).status).toBe(200);
    expect(await told()).toContain('full, active member');
    expect([decided, refused]).toEqual([[], [{ code: 'person_unknown', who: `slack/${slackIds.teamId}/U0ADA` }]]);
  });

  it.each([
    ['answers with an error', { status: 500 }],
    ['does not answer', 'drop_request' as const],
  ])('Slack %s when asked about its person', async (_name, fault) => {
    const ts = await postMessage();
    slack.failNext('users.info', fault);
    await click(ts, 'approve');
    expect(await told()).toContain('Please try again');
    expect(decided).toEqual([]);
  });

  it.each(['approve', 'deny'] as const)('its person is not in the directory (%s)', async (button) => {
    await click(await postMessage(), button, 'U0NOBODY');
    expect(await told()).toContain('not in the Countersign directory');
    expect([decided, refused, slack.state.views()]).toEqual([
      [],
      [{ code: 'person_unknown', who: `slack/${slackIds.teamId}/U0NOBODY` }],
      [],
    ]);
  });

  it.each(['approve', 'deny'] as const)('its message is a copy that we did not post (%s)', async (button) => {
    await postMessage();
    const [ours] = slack.state.messages(slackIds.channel);
    slack.state.plant(slackIds.channel, { blocks: ours?.blocks ?? [], app_id: 'A0OTHER' });
    await click(slack.state.messages(slackIds.channel).at(-1)?.ts ?? '', button);
    expect(await told()).toContain('not the message that Countersign keeps');
    expect([decided, slack.state.views()]).toEqual([[], []]);
    expect(refused).toMatchObject([{ code: 'forbidden' }]);
  });

  it('its button names another action than its message', async () => {
    const ts = await postMessage();
    await postMessage(waitingView({ actionId: OTHER_ACTION }));
    const button = slack.state.button(slack.state.message(slackIds.channel, ts), 'countersign_approve');
    button['value'] = `${OTHER_ACTION}.${ACTION_DIGEST}`;
    await click(ts, 'approve');
    expect(await told()).toContain('not the message that Countersign keeps');
    expect(decided).toEqual([]);
  });
});

describe('the endpoint', () => {
  const post = (init: RequestInit): Promise<Response> =>
    fetch(`${gatewayUrl}${SLACK_INTERACTIONS_PATH}`, { method: 'POST', ...init });

  it.each<[string, RequestInit, number, string]>([
    [
      'an unsigned request',
      { body: 'payload=%7B%7D', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      401,
      'header_missing',
    ],
    ['an empty request', {}, 401, 'header_missing'],
    ['a body over 64 KiB', { body: 'x'.repeat(65_537) }, 413, 'body_too_large'],
    ['JSON', { body: '{}', headers: { 'content-type': 'application/json' } }, 401, 'header_missing'],
  ])('turns away %s, and puts it on record', async (_name, init, status, error) => {
    const response = await post(init);
    expect([response.status, await response.json()]).toEqual([status, { error }]);
    expect(refused).toHaveLength(1);
    expect(slack.calls).toEqual([]);
  });

  it('admits a signed request once', async () => {
    const payload = { type: 'shortcut', team: { id: slackIds.teamId }, api_app_id: slackIds.appId };
    const statuses = [(await slack.send(gatewayUrl, payload)).status, (await slack.send(gatewayUrl, payload)).status];
    expect(statuses).toEqual([200, 401]);
  });

  it.each(['null', '[]', '"x"', '42', '{'])(
    'answers the signed payload %s with a refusal, and lives on',
    async (payload) => {
      expect((await slack.send(gatewayUrl, payload)).status).toBe(400);
      await click(await postMessage(), 'approve');
      expect(await told()).toContain('Your approval counts');
    },
  );

  it('leaves the body parsing of other routes alone', async () => {
    const other = fastify();
    other.post('/json', async (request) => request.body);
    const options = {
      guard: { admit: () => ({ ok: true as const, interaction: { kind: 'ignored' as const } }) },
      refusals: { put: async () => undefined },
      api,
      decisions: { decide: answer },
      directory: () => directory,
      store,
      signingSecret: new Secret(SECRET),
      clock: () => nowMs,
    };
    await other.register(slackInteractions, options);
    const response = await other.inject({ method: 'POST', url: '/json', payload: { a: 1 } });
    expect(response.json()).toEqual({ a: 1 });
    await other.close();
  });
});
