import { setTimeout } from 'node:timers/promises';
import { createEmulator, type Emulator } from 'emulate';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createMessageStore } from '../../src/channels/message/message-store.js';
import { createSlackApi, type SlackApi } from '../../src/channels/slack/slack-api.js';
import { createSlackChannel } from '../../src/channels/slack/slack-channel.js';
import { Secret } from '../../src/core/secret.js';
import { digestsOf, NOBODY_ON_CALL, SILENT } from '../fakes/slack/slack-gateway.js';
import { createMessageDatabase, type MessageDatabase } from '../fakes/slack/message-database.js';
import { createPortChooser } from '../../apps/devstack/services/ports.js';
import { ACTION_ID, directory, doneView, slackIds, timeline, waitingView, SLACK_PLACES } from '../unit/slack/views.js';

/** The bot scopes of apps/gateway/slack-manifest.yaml; the emulator refuses what they do not allow. */
const SCOPES = [
  'chat:write',
  'commands',
  'channels:history',
  'groups:history',
  'im:history',
  'im:write',
  'users:read',
  'users:read.email',
];
const TOKEN = 'xoxb-emulate';
let emulator: Emulator;
let database: MessageDatabase;
let api: SlackApi;
let conversation: string;

beforeAll(async () => {
  database = await createMessageDatabase(inject('services').postgres.adminUrl);
  emulator = await createEmulator({
    service: 'slack',
    port: await createPortChooser().choose('Slack emulator'),
    seed: {
      slack: {
        strict_scopes: true,
        users: [{ name: 'ada' }, { name: 'bo' }],
        channels: [{ name: 'approvals' }],
        tokens: [
          { token: TOKEN, user: 'ada', scopes: SCOPES },
          { token: 'xoxb-reader', user: 'ada', scopes: ['channels:read', 'users:read'] },
        ],
      },
    },
  });
  api = createSlackApi({ botToken: new Secret(TOKEN), apiUrl: `${emulator.url}/api/` });
  const { channels } = (await ask('conversations.list')) as { channels: { id: string; name: string }[] };
  conversation = channels.find(({ name }) => name === 'approvals')?.id ?? '';
});
afterAll(async () => {
  await emulator.close();
  await database.stop();
});

async function ask(method: string): Promise<unknown> {
  const response = await fetch(`${emulator.url}/api/${method}`, {
    method: 'POST',
    headers: { authorization: 'Bearer xoxb-reader' },
  });
  return response.json();
}

// Others wrote this Slack: what our own fake takes for granted, it may not.
describe('with an independent Slack and the scopes of our manifest', () => {
  it('a message is posted, updated, found again by its metadata, and answered in its thread', async () => {
    const config = { ...SLACK_PLACES, channel: conversation };
    const store = createMessageStore(database.pool);
    const readLog = async () => null;
    const channel = createSlackChannel({
      api,
      store,
      directory: () => directory,
      config,
      readLog,
      onCall: NOBODY_ON_CALL,
      digests: digestsOf(database.pool),
      givenUp: async () => undefined,
      log: SILENT,
      pause: (ms) => setTimeout(ms),
      clock: Date.now,
    });
    await channel.announce('opened', waitingView(), 1);
    await channel.announce('reminded', waitingView({ timeline: timeline(4) }), 2);
    await channel.announce('concluded', doneView(), 0);
    const posted = await store.posted({ channelName: 'slack', subject: ACTION_ID, slot: 'message' });
    const found = await api.find(
      conversation,
      Date.now() - 60_000,
      ({ event_payload }) => event_payload['action_id'] === ACTION_ID && event_payload['revision'] === 9,
    );
    expect(found).toEqual(posted);
    const reply = await api.find(
      conversation,
      Date.now() - 60_000,
      ({ event_payload }) => event_payload['slot'] === 'asked/1',
      posted?.ts,
    );
    expect(reply).toMatchObject({ conversation });
  });

  it('a person is written to directly, and the message is found again by its metadata', async () => {
    const { members } = (await ask('users.list')) as { members: { id: string; name: string; is_bot?: boolean }[] };
    const other = members.find(({ name }) => name === 'bo')?.id ?? '';
    const direct = await api.openDirect(other);
    expect(direct).toMatch(/^D/);
    const metadata = {
      event_type: 'countersign_action',
      event_payload: { action_id: ACTION_ID, slot: 'message/direct/bo' },
    };
    const posted = await api.post(direct, { text: 'Approval needed', blocks: [], metadata });
    await api.update(posted, { text: 'Closed', blocks: [], metadata });
    const found = await api.find(
      direct,
      Date.now() - 60_000,
      ({ event_payload }) => event_payload['slot'] === 'message/direct/bo',
    );
    expect(found).toEqual(posted);
  });

  it('a person is told something, and looked up', async () => {
    const { members } = (await ask('users.list')) as { members: { id: string; name: string }[] };
    const ada = members.find(({ name }) => name === 'ada')?.id ?? '';
    await api.tell(conversation, ada, 'Your approval counts.', []);
    expect(await api.userInfo({ teamId: slackIds.teamId, userId: ada })).toMatchObject({
      user: { id: ada, name: 'ada' },
    });
  });

  it.each([
    [
      'a channel that is not there',
      () => api.post('C0NOWHERE', { text: 'x', blocks: [], metadata: { event_type: 'e', event_payload: {} } }),
      'channel_not_found',
    ],
    [
      'a message that is not there',
      () =>
        api.update(
          { conversation, ts: '1.000001' },
          { text: 'x', blocks: [], metadata: { event_type: 'e', event_payload: {} } },
        ),
      'message_not_found',
    ],
    [
      'a person who is not there',
      () => api.userInfo({ teamId: slackIds.teamId, userId: 'U0NOWHERE' }),
      'user_not_found',
    ],
  ])('%s is a refusal with the code that we expect', async (_name, call, slackCode) => {
    await expect(call()).rejects.toMatchObject({ kind: 'refused', slackCode });
  });
});
