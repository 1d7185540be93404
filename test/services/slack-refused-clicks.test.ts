import fastify from 'fastify';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { slackInteractions, SLACK_INTERACTIONS_PATH } from '../../src/channels/slack/interactions.js';
import { createMessageDatabase, type MessageDatabase } from '../fakes/slack/message-database.js';
import { startSlackGateway, type SlackGateway } from '../fakes/slack/slack-gateway.js';
import { ACTION_DIGEST, slackIds, waitingView } from '../unit/slack/views.js';

const OTHER_ACTION = '01K9ZZZZZZ0000000000000002';

let database: MessageDatabase;
let gateway: SlackGateway;

beforeAll(async () => {
  database = await createMessageDatabase(inject('services').postgres.adminUrl);
});
afterAll(() => database.stop());
beforeEach(async () => {
  await database.pool.query('truncate countersign.channel_messages');
  gateway = await startSlackGateway(database.pool);
});
afterEach(() => gateway.stop());

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
    const ts = await gateway.post();
    // The click is signed as of our own workspace: only the look-up tells.
    const send = gateway.click(ts, 'approve');
    gateway.slack.state.setUser('U0ADA', fields);
    expect((await send).status).toBe(200);
    expect(await gateway.told()).toContain('full, active member');
    expect([gateway.decided, gateway.refused]).toEqual([
      [],
      [{ code: 'person_unknown', who: `slack/${slackIds.teamId}/U0ADA` }],
    ]);
  });

  it.each([
    ['answers with an error', { status: 500 }],
    ['does not answer', 'drop_request' as const],
  ])('Slack %s when asked about its person', async (_name, fault) => {
    const ts = await gateway.post();
    gateway.slack.failNext('users.info', fault);
    await gateway.click(ts, 'approve');
    expect(await gateway.told()).toContain('Please try again');
    expect(gateway.decided).toEqual([]);
  });

  it.each(['approve', 'deny'] as const)('its person is not in the directory (%s)', async (button) => {
    await gateway.click(await gateway.post(), button, 'U0NOBODY');
    expect(await gateway.told()).toContain('not in the Countersign directory');
    expect([gateway.decided, gateway.refused, gateway.slack.state.views()]).toEqual([
      [],
      [{ code: 'person_unknown', who: `slack/${slackIds.teamId}/U0NOBODY` }],
      [],
    ]);
  });

  it.each(['approve', 'deny'] as const)('its message is a copy that we did not post (%s)', async (button) => {
    await gateway.post();
    const [ours] = gateway.slack.state.messages(slackIds.channel);
    gateway.slack.state.plant(slackIds.channel, { blocks: ours?.blocks ?? [], app_id: 'A0OTHER' });
    await gateway.click(gateway.slack.state.messages(slackIds.channel).at(-1)?.ts ?? '', button);
    expect(await gateway.told()).toContain('not the message that Countersign keeps');
    expect([gateway.decided, gateway.slack.state.views()]).toEqual([[], []]);
    expect(gateway.refused).toMatchObject([{ code: 'forbidden' }]);
  });

  it('its button names another action than its message', async () => {
    const ts = await gateway.post();
    await gateway.post(waitingView({ actionId: OTHER_ACTION }));
    const button = gateway.slack.state.button(gateway.slack.state.message(slackIds.channel, ts), 'countersign_approve');
    button['value'] = `${OTHER_ACTION}.${ACTION_DIGEST}`;
    await gateway.click(ts, 'approve');
    expect(await gateway.told()).toContain('not the message that Countersign keeps');
    expect(gateway.decided).toEqual([]);
  });
});

describe('the endpoint', () => {
  const post = (init: RequestInit): Promise<Response> =>
    fetch(`${gateway.url}${SLACK_INTERACTIONS_PATH}`, { method: 'POST', ...init });

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
    expect(gateway.refused).toHaveLength(1);
    expect(gateway.slack.calls).toEqual([]);
  });

  it('admits a signed request once', async () => {
    const payload = { type: 'shortcut', team: { id: slackIds.teamId }, api_app_id: slackIds.appId };
    const statuses = [
      (await gateway.slack.send(gateway.url, payload)).status,
      (await gateway.slack.send(gateway.url, payload)).status,
    ];
    expect(statuses).toEqual([200, 401]);
  });

  it.each(['null', '[]', '"x"', '42', '{'])(
    'answers the signed payload %s with a refusal, and lives on',
    async (payload) => {
      expect((await gateway.slack.send(gateway.url, payload)).status).toBe(400);
      await gateway.click(await gateway.post(), 'approve');
      expect(await gateway.told()).toContain('Your approval counts');
    },
  );

  it('leaves the body parsing of other routes alone', async () => {
    const other = fastify();
    other.post('/json', async (request) => request.body);
    await other.register(slackInteractions, { guard: gateway.guard, entrance: gateway.entrance });
    const response = await other.inject({ method: 'POST', url: '/json', payload: { a: 1 } });
    expect(response.json()).toEqual({ a: 1 });
    await other.close();
  });
});
