import { inspect } from 'node:util';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { Channel } from '../../src/channels/channel.js';
import { createMessageStore, HELD_MS, type MessageStore } from '../../src/channels/message/message-store.js';
import { createSlackApi } from '../../src/channels/slack/slack-api.js';
import { createSlackChannel, type SlackChannelOptions } from '../../src/channels/slack/slack-channel.js';
import { ServiceFault } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { digestsOf, NOBODY_ON_CALL, SILENT } from '../fakes/slack/slack-gateway.js';
import { startFakeSlack, type FakeSlack } from '../fakes/slack/fake-slack.js';
import { createMessageDatabase, type MessageDatabase } from '../fakes/slack/message-database.js';
import {
  ACTION_DIGEST,
  ACTION_ID,
  decisionOf,
  directory,
  doneView,
  OPENED_AT_MS,
  planOf,
  slackIds,
  timeline,
  waitingView,
  SLACK_PLACES,
} from '../unit/slack/views.js';

const KEY = { channelName: 'slack', subject: ACTION_ID, slot: 'message' };
let database: MessageDatabase;
let store: MessageStore;
let slack: FakeSlack;
let nowMs: number;

beforeAll(async () => {
  database = await createMessageDatabase(inject('services').postgres.adminUrl);
  store = createMessageStore(database.pool);
});
afterAll(() => database.stop());

beforeEach(async () => {
  nowMs = OPENED_AT_MS;
  await database.pool.query('truncate countersign.channel_messages');
  slack = await startFakeSlack({
    ...slackIds,
    conversations: [slackIds.channel, slackIds.fallback],
    signingSecret: '0'.repeat(32),
    botToken: 'xoxb-test',
    clock: () => nowMs,
    limitsPosts: true,
  });
  for (const id of ['U0ADA', 'U0BO', 'U0DI']) slack.state.setUser(id, {});
});
afterEach(() => slack.stop());

type Over = { fallback?: string | null; timeoutMs?: number; onCall?: SlackChannelOptions['onCall'] };

function makeChannel(over: Over = {}): Channel {
  const api = createSlackApi({
    botToken: new Secret('xoxb-test'),
    apiUrl: slack.apiUrl,
    timeoutMs: over.timeoutMs ?? 5_000,
  });
  const config = { ...SLACK_PLACES, fallbackChannel: over.fallback ?? null };
  const readLog = async () => null;
  return createSlackChannel({
    api,
    store,
    directory: () => directory,
    config,
    readLog,
    onCall: over.onCall ?? NOBODY_ON_CALL,
    digests: digestsOf(database.pool),
    givenUp: async () => undefined,
    log: SILENT,
    pause: async (ms) => void (nowMs += ms),
    clock: () => nowMs,
  });
}

const posts = (conversation: string = slackIds.channel) => slack.state.messages(conversation);
const headline = (): unknown => posts()[0]?.blocks[0]?.['text'];
const faultOf = async (work: Promise<unknown>): Promise<ServiceFault> => {
  const error: unknown = await work.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ServiceFault)) throw error;
  return error;
};

describe('one message per action', () => {
  it('is posted once and then updated, to the end of the story', async () => {
    const channel = makeChannel();
    await channel.announce('opened', waitingView(), 1);
    await channel.announce('opened', waitingView(), 1);
    await channel.announce('concluded', doneView(), 0);
    expect(posts()).toHaveLength(1);
    expect(posts()[0]).toMatchObject({
      updates: 2,
      metadata: {
        event_type: 'countersign_action',
        event_payload: { action_id: ACTION_ID, digest: ACTION_DIGEST, revision: 9 },
      },
    });
    expect(headline()).toMatchObject({ text: expect.stringContaining('✅ Done') as string });
    expect(await store.posted(KEY)).toEqual({ conversation: slackIds.channel, ts: posts()[0]?.ts });
  });

  it('is not overwritten by an older view that comes late', async () => {
    const channel = makeChannel();
    await channel.announce('concluded', doneView(), 0);
    await channel.announce('decided', waitingView(), 2);
    expect(headline()).toMatchObject({ text: expect.stringContaining('✅ Done') as string });
  });

  it('is not posted for an action that was refused before anyone was asked', async () => {
    await makeChannel().announce('concluded', doneView({ plan: null }), 0);
    expect(slack.calls).toEqual([]);
  });

  it('is posted for an action whose preview’s token was stolen, with what happened', async () => {
    const sentence = 'The Vault token for this preview was unwrapped by someone else.';
    const incidents = [{ code: 'lease_intercepted', severity: 'critical' as const, sentence, openedAtMs: 1 }];
    await makeChannel().announce('concluded', doneView({ plan: null, preview: null, incidents }), 0);
    expect(posts()).toHaveLength(1);
    expect(JSON.stringify(posts()[0]?.blocks)).toContain(sentence);
  });

  it('is posted by one of two processes that begin at once; the other is told to come again', async () => {
    const views = await Promise.allSettled([
      makeChannel().announce('opened', waitingView(), 1),
      makeChannel().announce('opened', waitingView(), 1),
    ]);
    expect(views.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThanOrEqual(1);
    expect(posts()).toHaveLength(1);
  });
});

describe('after an unclear post', () => {
  it('whose answer was lost, the message is found by its metadata and not doubled', async () => {
    const channel = makeChannel();
    slack.failNext('chat.postMessage', 'lose_answer');
    expect(await faultOf(channel.announce('opened', waitingView(), 1))).toMatchObject({
      service: 'slack',
      temporary: true,
    });
    // Others write meanwhile, one of them with our metadata: neither is taken for ours.
    slack.state.plant(slackIds.channel, {
      app_id: 'A0OTHER',
      metadata: { event_type: 'countersign_action', event_payload: { action_id: ACTION_ID } },
    });
    for (let n = 0; n < 4; n += 1) slack.state.plant(slackIds.channel, { app_id: 'A0OTHER', text: 'chat' });
    nowMs += 2_000;
    await channel.announce('opened', waitingView(), 1);
    expect(posts().filter(({ app_id }) => app_id === slackIds.appId)).toHaveLength(1);
    expect(await store.posted(KEY)).toMatchObject({ ts: posts()[0]?.ts });
  });

  it('that never arrived, it is posted', async () => {
    const channel = makeChannel();
    slack.failNext('chat.postMessage', 'drop_request');
    await faultOf(channel.announce('opened', waitingView(), 1));
    await channel.announce('opened', waitingView(), 1);
    expect(posts()).toHaveLength(1);
  });

  it('it is still found when the first search fails too', async () => {
    const channel = makeChannel();
    slack.failNext('chat.postMessage', 'lose_answer');
    slack.failNext('conversations.history', { status: 429, headers: { 'retry-after': '7' } });
    await faultOf(channel.announce('opened', waitingView(), 1));
    nowMs += 3_600_000;
    expect(await faultOf(channel.announce('opened', waitingView(), 1))).toMatchObject({
      temporary: true,
      retryAfterMs: 7_000,
    });
    nowMs += 3_600_000;
    await channel.announce('opened', waitingView(), 1);
    expect(posts()).toHaveLength(1);
  });

  it('of a process that died, others wait a minute and then look for it', async () => {
    await store.reserve(KEY, slackIds.channel, nowMs);
    const channel = makeChannel();
    expect(await faultOf(channel.announce('opened', waitingView(), 1))).toMatchObject({ temporary: true });
    expect(slack.calls).toEqual([]);
    nowMs += HELD_MS;
    await channel.announce('opened', waitingView(), 1);
    expect(slack.calls.slice(0, 3)).toEqual(['auth.test', 'conversations.history', 'chat.postMessage']);
    expect(posts()).toHaveLength(1);
  });
});

describe('when Slack says no', () => {
  it('for the rate, the fault carries how long to wait, and nothing is doubled or lost', async () => {
    const channel = makeChannel();
    slack.state.plant(slackIds.channel, {});
    slack.failNext('chat.postMessage', { status: 429, headers: { 'retry-after': '30' } });
    const fault = await faultOf(channel.announce('opened', waitingView(), 1));
    expect(fault).toMatchObject({ temporary: true, retryAfterMs: 30_000 });
    await channel.announce('opened', waitingView(), 1);
    expect(posts().filter(({ metadata }) => metadata !== undefined)).toHaveLength(1);
  });

  it('to a second post in the same second, the other action comes a second later', async () => {
    const channel = makeChannel();
    await channel.announce('opened', waitingView(), 1);
    const other = waitingView({ actionId: '01K9ZZZZZZ0000000000000002' });
    expect(await faultOf(channel.announce('opened', other, 1))).toMatchObject({ temporary: true, retryAfterMs: 1_000 });
    nowMs += 1_000;
    await channel.announce('opened', other, 1);
    expect(posts()).toHaveLength(2);
  });

  it('because the message was deleted, it is posted anew', async () => {
    const channel = makeChannel();
    await channel.announce('opened', waitingView(), 1);
    slack.state.remove(slackIds.channel, posts()[0]?.ts ?? '');
    nowMs += 2_000;
    await channel.announce('decided', waitingView({ timeline: timeline(5) }), 2);
    expect(posts()).toHaveLength(1);
    expect(await store.posted(KEY)).toMatchObject({ ts: posts()[0]?.ts });
  });

  it('because the channel was archived, the fallback takes over', async () => {
    const channel = makeChannel({ fallback: slackIds.fallback });
    await channel.announce('opened', waitingView(), 1);
    slack.state.archive(slackIds.channel);
    await channel.announce('decided', waitingView({ timeline: timeline(5) }), 2);
    await channel.announce('concluded', doneView(), 0);
    expect(posts(slackIds.fallback)).toHaveLength(1);
    expect(posts(slackIds.fallback)[0]).toMatchObject({ updates: 1 });
  });

  it('because the channel was archived and there is no other, the fault is permanent and names the setting', async () => {
    slack.state.archive(slackIds.channel);
    const fault = await faultOf(makeChannel().announce('opened', waitingView(), 1));
    expect(fault).toMatchObject({ temporary: false });
    expect(fault.message).toContain('COUNTERSIGN_SLACK_CHANNEL');
  });

  it('to the blocks, a notice without Approve but with the link is posted', async () => {
    slack.failNext('chat.postMessage', {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: '{"ok":false,"error":"msg_blocks_too_long"}',
    });
    await makeChannel().announce('opened', waitingView(), 1);
    const buttons = posts()[0]?.blocks.find((block) => block['type'] === 'actions')?.['elements'] as {
      action_id: string;
    }[];
    expect(buttons.map(({ action_id }) => action_id)).toEqual([
      'countersign_read',
      'countersign_open',
      'countersign_deny',
    ]);
  });

  it('to the token, the fault is permanent and does not hold the token', async () => {
    const api = createSlackApi({ botToken: new Secret('xoxb-wrong'), apiUrl: slack.apiUrl });
    const fault = await faultOf(
      api.update(
        { conversation: slackIds.channel, ts: '1.1' },
        { text: 'x', blocks: [], metadata: { event_type: 'e', event_payload: {} } },
      ),
    );
    expect(fault).toMatchObject({ temporary: false, slackCode: 'invalid_auth' });
    expect(inspect(fault, { depth: 20, showHidden: true }) + JSON.stringify(fault)).not.toContain('xoxb');
  });
});

describe('the thread', () => {
  const escalated = waitingView({ escalated: [{ group: 'oncall', firedAtMs: 0 }], timeline: timeline(5) });
  const replies = (): string[] => slack.state.replies(slackIds.channel, posts()[0]?.ts ?? '').map(({ text }) => text);

  const tell = (...told: Parameters<Channel['announce']>): Promise<void> => {
    nowMs += 2_000;
    return makeChannel().announce(...told);
  };

  it('tells the history: asked, escalated, decided, ended; each once, however often it is told', async () => {
    const approved = { ...escalated, decisions: [decisionOf('di', 'approve', '')], timeline: timeline(6) };
    for (const again of [1, 2]) {
      await tell('opened', waitingView(), 1);
      await tell('reminded', waitingView(), 2);
      await tell('escalated', escalated, 3);
      if (again === 2) await tell('reminded', escalated, 4);
    }
    await tell('decided', approved, 5);
    await tell('concluded', doneView({ escalated: escalated.escalated, decisions: approved.decisions }), 0);
    await tell('concluded', doneView({ escalated: escalated.escalated, decisions: approved.decisions }), 0);
    expect(replies()).toEqual([
      expect.stringMatching(/^Asked: <@U0ADA> <@U0BO>\. It waits for 1 of dba\. It expires/),
      expect.stringMatching(/^Escalated to oncall: <@U0DI> may fill an open place now/),
      expect.stringMatching(/^Approved by Di Oncall in slack, /),
      expect.stringMatching(/^✅ Done: database.export on orders \(production\)\.$/),
    ]);
  });

  it('mentions each person once, and nobody by a whole channel', async () => {
    await tell('opened', waitingView(), 1);
    for (const number of [2, 3, 4]) await tell('reminded', waitingView(), number);
    expect(
      replies()
        .join('\n')
        .match(/<@U0ADA>/g),
    ).toHaveLength(1);
    expect(replies().join('\n')).not.toMatch(/<!(?!date)|U0CY/);
  });

  it('mentions who is on call, where that is known, and all others where those have no Slack account', async () => {
    const onCall = { of: async () => ({ people: ['ada'], source: 'rotation', faults: [] }) };
    await makeChannel({ onCall }).announce('opened', waitingView(), 1);
    expect(replies()[0]).toMatch(/^Asked: <@U0ADA>\. /);
  });

  it('does not call on those who have decided, and says so when nobody has a Slack account', async () => {
    await tell(
      'opened',
      waitingView({ decisions: [decisionOf('ada', 'approve', '')], plan: planOf({ group: 'dba', quorum: 2 }) }),
      1,
    );
    expect(replies()[0]).toMatch(/^Asked: <@U0BO>\. /);
    await tell(
      'reopened',
      waitingView({ round: 2, plan: planOf({ group: 'data-owner', quorum: 1 }), timeline: timeline(6) }),
      2,
    );
    expect(replies().at(-1)).toMatch(
      /^Asked again, review 2: members of data-owner \(none of them has a Slack account/,
    );
  });

  it('says when the end of a lease is proven late', async () => {
    const receipt = { digest: '66'.repeat(32), concludedAtMs: OPENED_AT_MS, closing: false };
    await tell('concluded', doneView({ lease: 'open', receipt }), 0);
    await tell('concluded', doneView({ receipt: { ...receipt, closing: true }, timeline: timeline(10) }), 0);
    expect(replies().slice(-2)).toEqual([
      expect.stringContaining('The end of its lease is not proven yet.'),
      'The end of its lease is proven.',
    ]);
  });

  it('has no history where policy asked nobody', async () => {
    await tell('concluded', doneView({ plan: planOf(), decisions: [] }), 0);
    expect([posts().length, replies()]).toEqual([1, []]);
  });

  it('does not repeat a line whose answer was lost', async () => {
    await tell('opened', waitingView(), 1);
    slack.failNext('chat.postMessage', 'lose_answer');
    await faultOf(tell('escalated', escalated, 2));
    await tell('escalated', escalated, 2);
    expect(replies().filter((text) => text.startsWith('Escalated'))).toHaveLength(1);
  });
});

describe('the message table', () => {
  it.each([
    ['gateway', 'select', true],
    ['gateway', 'insert', false],
    ['gateway', 'update', false],
    ['worker', 'insert', true],
    ['worker', 'update', true],
    ['notary', 'update', true],
    ['worker', 'delete', false],
    ['executor', 'select', false],
  ] as const)('%s may %s: %s', async (role, right, may) => {
    const { rows } = await database.pool.query<{ may: boolean }>(
      "select has_table_privilege($1, 'countersign.channel_messages', $2) as may",
      [database.roles[role], right],
    );
    expect(rows[0]?.may).toBe(may);
  });

  it('gateway may adopt a message that was posted, and do nothing else to it', async () => {
    await store.reserve(KEY, slackIds.channel, nowMs);
    const asGateway = new pg.Pool({ ...database.pool.options, options: `-c role=${database.roles.gateway}` });
    try {
      const its = createMessageStore(asGateway);
      expect(await its.adopt(KEY, { conversation: slackIds.channel, ts: '1.2' }, nowMs)).toBe(true);
      expect(await its.known(KEY)).toMatchObject({ state: 'posted', ts: '1.2' });
      await expect(its.say(KEY, { text: 'x' })).rejects.toThrow('42501');
      await expect(its.advance(KEY, 1)).rejects.toThrow('42501');
    } finally {
      await asGateway.end();
    }
  });
});
