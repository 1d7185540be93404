import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { startSocketMode, type SlackSocket } from '../../src/channels/slack/socket-mode.js';
import { Secret } from '../../src/core/secret.js';
import { startFakeSocket, type FakeSocket } from '../fakes/slack/fake-socket.js';
import { createMessageDatabase, type MessageDatabase } from '../fakes/slack/message-database.js';
import { must, SILENT, startSlackGateway, type SlackGateway } from '../fakes/slack/slack-gateway.js';
import { ACTION_ID, slackIds } from '../unit/slack/views.js';

const APP_TOKEN = 'xapp-test';
let database: MessageDatabase;
let remote: FakeSocket;
let gateway: SlackGateway;
let socket: SlackSocket;

beforeAll(async () => {
  database = await createMessageDatabase(inject('services').postgres.adminUrl);
});
afterAll(() => database.stop());
beforeEach(async () => {
  await database.pool.query('truncate countersign.channel_messages');
  remote = await startFakeSocket();
  gateway = await startSlackGateway(database.pool, { appToken: APP_TOKEN, open: () => remote.open() });
  socket = connect();
  await remote.connected(1);
});
afterEach(async () => {
  await socket.stop();
  await gateway.stop();
  await remote.stop();
});

function connect(appToken = APP_TOKEN): SlackSocket {
  return startSocketMode({
    appToken: new Secret(appToken),
    apiUrl: gateway.slack.apiUrl,
    teamId: slackIds.teamId,
    appId: slackIds.appId,
    entrance: gateway.entrance,
    clock: () => gateway.nowMs,
    log: SILENT,
    reconnectAfterMs: 10,
  });
}

const clickOn = (ts: string, button = 'approve') =>
  gateway.slack.payloads.click({
    conversation: slackIds.channel,
    ts,
    button: `countersign_${button}`,
    userId: 'U0ADA',
  });

describe('over Socket Mode', () => {
  it('Approve is acknowledged at once, decided, and answered to that person only', async () => {
    const ack = await remote.deliver('interactive', clickOn(await gateway.post()));
    expect(ack).toMatchObject({ payload: {} });
    expect(ack.afterMs).toBeLessThan(3_000);
    expect(await gateway.told()).toContain('it was the last one needed');
    expect(gateway.decided).toMatchObject([{ actionId: ACTION_ID, decision: 'approve', person: { id: 'ada' } }]);
  });

  it('is acknowledged within three seconds though the decision takes longer', async () => {
    let release = (): void => undefined;
    const later = new Promise<void>((resolve) => (release = resolve));
    gateway.answer = async () => {
      await later;
      return { state: 'denied', open: [] };
    };
    await remote.deliver('interactive', clickOn(await gateway.post(), 'deny'));
    const viewId = await vi.waitFor(() => must(gateway.slack.state.views()[0]));
    const ack = await remote.deliver(
      'interactive',
      gateway.slack.payloads.submission({ viewId, userId: 'U0ADA', reason: 'no' }),
    );
    expect(ack.payload).toEqual({ response_action: 'clear' });
    expect(ack.afterMs).toBeLessThan(3_000);
    release();
    expect(await gateway.told()).toContain('Denied.');
  });

  it('a denial without a reason keeps the form open', async () => {
    await remote.deliver('interactive', clickOn(await gateway.post(), 'deny'));
    const viewId = await vi.waitFor(() => must(gateway.slack.state.views()[0]));
    const { payload } = await remote.deliver(
      'interactive',
      gateway.slack.payloads.submission({ viewId, userId: 'U0ADA', reason: ' ' }),
    );
    expect(payload).toMatchObject({ response_action: 'errors' });
    expect(gateway.decided).toEqual([]);
  });

  it('/countersign is answered in the acknowledgement', async () => {
    await gateway.post();
    const { payload } = await remote.deliver('slash_commands', gateway.slack.payloads.command({ userId: 'U0ADA' }));
    expect(payload).toMatchObject({
      response_type: 'ephemeral',
      text: '1 action waits for you, the soonest to expire first:',
    });
  });

  it('an envelope that comes again is acknowledged again, and done once, also over another connection', async () => {
    const click = clickOn(await gateway.post());
    await remote.deliver('interactive', click, 'the-same');
    await gateway.told();
    await remote.deliver('interactive', click, 'the-same');
    remote.recycle();
    await remote.connected(2);
    await remote.deliver('interactive', click, 'the-same');
    expect(gateway.decided).toHaveLength(1);
  });

  it.each<[string, unknown, string]>([
    ['null', null, 'body_malformed'],
    ['an array', [], 'body_malformed'],
    ['a string', 'x', 'body_malformed'],
    ['a number', 42, 'body_malformed'],
    ['another workspace', { type: 'block_actions', team: { id: 'T0OTHER' }, api_app_id: slackIds.appId }, 'forbidden'],
    ['another app', { type: 'block_actions', team: { id: slackIds.teamId }, api_app_id: 'A0OTHER' }, 'forbidden'],
    ['more than 64 KiB', { type: 'block_actions', padding: 'x'.repeat(65_536) }, 'body_too_large'],
  ])('a payload that is %s is acknowledged, refused, and lived through', async (_name, payload, code) => {
    await remote.deliver('interactive', payload);
    expect([gateway.decided, gateway.refused]).toMatchObject([[], [{ code }]]);
    await remote.deliver('interactive', clickOn(await gateway.post()));
    expect(await gateway.told()).toContain('Your approval counts');
  });

  it.each(['null', '[]', '42', '{', '{"type":"events_api"}'])('the frame %s is lived through', async (frame) => {
    remote.raw(frame);
    await remote.deliver('interactive', clickOn(await gateway.post()));
    expect(await gateway.told()).toContain('Your approval counts');
  });
});

describe('the connection', () => {
  it.each([
    [
      'Slack recycles it',
      () => {
        remote.recycle();
      },
    ],
    [
      'it breaks',
      () => {
        remote.breakOff();
      },
    ],
  ])('is opened anew when %s', async (_name, end) => {
    end();
    await remote.connected(2);
    await remote.deliver('interactive', clickOn(await gateway.post()));
    expect(await gateway.told()).toContain('Your approval counts');
  });

  it('is opened again and again while Slack is away, with a process that lives on', async () => {
    const before = gateway.slack.asked('apps.connections.open');
    gateway.slack.failAll('drop_request');
    remote.breakOff();
    await vi.waitFor(() => {
      expect(gateway.slack.asked('apps.connections.open')).toBeGreaterThan(before + 3);
    }, 20_000);
    gateway.slack.failAll({ status: 429, headers: { 'retry-after': '1' } });
    gateway.slack.failAll(null);
    await remote.connected(2);
  });

  it('is not opened with another token, and ends when it is stopped', async () => {
    const stranger = connect('xapp-wrong');
    const before = gateway.slack.asked('apps.connections.open');
    await vi.waitFor(() => {
      expect(gateway.slack.asked('apps.connections.open')).toBeGreaterThan(before + 1);
    }, 20_000);
    expect(remote.greeted()).toBe(1);
    await stranger.stop();
    await socket.stop();
    await expect(remote.deliver('interactive', {})).rejects.toThrow();
  });
});
