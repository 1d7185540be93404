import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { Channel } from '../../src/channels/channel.js';
import { createMessageStore } from '../../src/channels/message/message-store.js';
import { createSlackApi } from '../../src/channels/slack/slack-api.js';
import { createSlackChannel } from '../../src/channels/slack/slack-channel.js';
import { Secret } from '../../src/core/secret.js';
import type { ActionView } from '../../src/record/action-view.js';
import { startFakeSlack, type FakeSlack } from '../fakes/slack/fake-slack.js';
import { createMessageDatabase, type MessageDatabase } from '../fakes/slack/message-database.js';
import { digestsOf, NOBODY_ON_CALL } from '../fakes/slack/slack-gateway.js';
import {
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

const PROD = 'C0PROD';
const [ADA, BO, DI] = ['D0ADA', 'D0BO', 'D0DI'];

let database: MessageDatabase;
let slack: FakeSlack;
let nowMs: number;
let warnings: object[];
/** What goes on record. */
let givenUp: object[];

beforeAll(async () => {
  database = await createMessageDatabase(inject('services').postgres.adminUrl);
});
afterAll(() => database.stop());

beforeEach(async () => {
  nowMs = OPENED_AT_MS;
  warnings = [];
  givenUp = [];
  await database.pool.query('truncate countersign.channel_messages');
  slack = await startFakeSlack({
    ...slackIds,
    conversations: [slackIds.channel, PROD],
    signingSecret: '0'.repeat(32),
    botToken: 'xoxb-test',
    clock: () => nowMs,
    limitsPosts: true,
  });
  for (const id of ['U0ADA', 'U0BO', 'U0DI', 'U0CY']) slack.state.setUser(id, {});
});
afterEach(() => slack.stop());

function makeChannel(): Channel {
  return createSlackChannel({
    api: createSlackApi({ botToken: new Secret('xoxb-test'), apiUrl: slack.apiUrl }),
    store: createMessageStore(database.pool),
    directory: () => directory,
    config: SLACK_PLACES,
    readLog: async () => null,
    onCall: NOBODY_ON_CALL,
    digests: digestsOf(database.pool),
    givenUp: async (_view, what) => void givenUp.push(what),
    log: { info: () => undefined, error: () => undefined, warn: (context) => void warnings.push(context) },
    pause: async (ms) => void (nowMs += ms),
    clock: () => nowMs,
  });
}

const told = (notify: string[], over: Partial<ActionView> = {}): ActionView =>
  waitingView({ plan: { ...planOf({ group: 'dba', quorum: 1 }), notify }, ...over });
const ended = (notify: string[], over: Partial<ActionView> = {}): ActionView =>
  doneView({ plan: { ...planOf({ group: 'dba', quorum: 1 }), notify }, ...over });
const headlines = (conversation: string): unknown[] =>
  slack.state.messages(conversation).map(({ blocks }) => (blocks[0]?.['text'] as { text?: unknown }).text);
const announce: Channel['announce'] = (...announced) => {
  nowMs += 2_000;
  return makeChannel().announce(...announced);
};
/** How many messages show the action in each of these. */
const counts = (...conversations: string[]): number[] =>
  conversations.map((conversation) => slack.state.messages(conversation).length);
const lines = (conversation: string): string[] =>
  slack.state.messages(conversation).flatMap(({ ts }) => slack.state.replies(conversation, ts).map(({ text }) => text));

describe('an action is shown', () => {
  it.each<[string, string[], number[]]>([
    ['in the configured channel where policy names no other', ['default'], [1, 0, 0, 0]],
    ['in a place that policy names', ['prod'], [0, 1, 0, 0]],
    ['in both', ['default', 'prod'], [1, 1, 0, 0]],
    ['to each person who may decide, and to nobody who is barred', ['direct'], [0, 0, 1, 1]],
    ['in a place and to each person', ['direct', 'prod'], [0, 1, 1, 1]],
    ['once where two names mean the same channel', ['default', 'same'], [1, 0, 0, 0]],
    ['in the configured channel where a place is only in another chat', ['in-teams'], [1, 0, 0, 0]],
  ])('%s', async (_name, notify, expected) => {
    await announce('opened', told(notify), 1);
    await announce('opened', told(notify), 1);
    expect(counts(slackIds.channel, PROD, ADA, BO)).toEqual(expected);
    expect(slack.state.messages('D0CY')).toEqual([]);
  });

  it('in the configured channel where nobody who may decide has a Slack account', async () => {
    await announce(
      'opened',
      told(['direct'], { plan: { ...planOf({ group: 'data-owner', quorum: 1 }), notify: ['direct'] } }),
      1,
    );
    expect(counts(slackIds.channel)).toEqual([1]);
  });
});

describe('direct messages', () => {
  it('are all kept up to date, reach those whom it escalates to, and are all closed at the end', async () => {
    const escalated = [{ group: 'oncall', firedAtMs: 0 }];
    await announce('opened', told(['direct']), 1);
    await announce('reminded', told(['direct']), 2);
    await announce('escalated', told(['direct'], { escalated, timeline: timeline(5) }), 3);
    expect(counts(ADA, BO, DI)).toEqual([1, 1, 1]);
    await announce('concluded', ended(['direct'], { escalated }), 0);
    for (const conversation of [ADA, BO, DI])
      expect(headlines(conversation)).toEqual([expect.stringContaining('✅ Done')]);
    expect(lines(ADA)).toEqual([expect.stringMatching(/^✅ Done/)]);
    expect(lines(DI)).toEqual([expect.stringMatching(/^✅ Done/)]);
  });

  it('are closed also for a person whom the next round does not ask, and nobody is written to after the end', async () => {
    await announce('opened', told(['direct']), 1);
    await announce(
      'concluded',
      ended(['direct'], {
        barred: [{ person: 'ada', because: 'owns it' }],
        escalated: [{ group: 'oncall', firedAtMs: 0 }],
      }),
      0,
    );
    expect(headlines(ADA)).toEqual([expect.stringContaining('✅ Done')]);
    expect(counts(DI)).toEqual([0]);
  });

  it('to a deactivated account are given up with a line in the log, and the others are told', async () => {
    slack.state.setUser('U0ADA', { deleted: true });
    await announce('opened', told(['direct']), 1);
    expect(counts(slackIds.channel, BO)).toEqual([0, 1]);
    expect(warnings).toMatchObject([{ slot: 'message/direct/ada', slackCode: 'user_disabled' }]);
    expect(givenUp).toEqual([
      { channelName: 'slack', slot: 'message/direct/ada', where: 'to ada', code: 'user_disabled' },
    ]);
  });

  it('to nobody but deactivated accounts: then the configured channel shows it, and is kept up to date', async () => {
    for (const id of ['U0ADA', 'U0BO']) slack.state.setUser(id, { deleted: true });
    await announce('opened', told(['direct']), 1);
    await announce('concluded', ended(['direct']), 0);
    expect(headlines(slackIds.channel)).toEqual([expect.stringContaining('✅ Done')]);
  });

  it('whose post was unclear are found and not doubled', async () => {
    slack.failNext('chat.postMessage', 'lose_answer');
    await expect(announce('opened', told(['direct']), 1)).rejects.toMatchObject({ service: 'slack' });
    // The other one was told in spite of it.
    expect(counts(ADA, BO)).toEqual([1, 1]);
    await announce('opened', told(['direct']), 1);
    expect(counts(ADA, BO)).toEqual([1, 1]);
  });
});

describe('a place that is gone', () => {
  it.each(['archive', 'close'] as const)(
    '(%s) is given up with a line in the log, once another shows the action',
    async (how) => {
      await announce('opened', told(['default', 'prod']), 1);
      slack.state[how](PROD);
      await announce(
        'decided',
        told(['default', 'prod'], { decisions: [decisionOf('ada', 'approve', '')], timeline: timeline(5) }),
        2,
      );
      await announce('concluded', ended(['default', 'prod']), 0);
      expect(headlines(slackIds.channel)).toEqual([expect.stringContaining('✅ Done')]);
      expect(warnings[0]).toMatchObject({ slot: 'message/place/prod' });
      expect(givenUp[0]).toMatchObject({ slot: 'message/place/prod', where: 'in the place prod' });
    },
  );

  it('and was the only one is replaced by the configured channel', async () => {
    await announce('opened', told(['prod']), 1);
    slack.state.archive(PROD);
    await announce('reminded', told(['prod']), 2);
    await announce('reminded', told(['prod']), 3);
    expect(counts(slackIds.channel)).toEqual([1]);
  });

  it('has its message deleted: it is posted once more, at the next reminder', async () => {
    await announce('opened', told(['prod']), 1);
    slack.state.remove(PROD, slack.state.messages(PROD)[0]?.ts ?? '');
    for (const number of [2, 3]) await announce('reminded', told(['prod']), number);
    expect(counts(PROD)).toEqual([1]);
  });
});
