import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { Channel } from '../../src/channels/channel.js';
import { createMessageStore } from '../../src/channels/message/message-store.js';
import { createSlackApi } from '../../src/channels/slack/slack-api.js';
import { createSlackChannel } from '../../src/channels/slack/slack-channel.js';
import { Secret } from '../../src/core/secret.js';
import { createDirectory } from '../../src/directory/create-directory.js';
import type { ActionView } from '../../src/record/action-view.js';
import { startFakeSlack, type FakeSlack } from '../fakes/slack/fake-slack.js';
import { createMessageDatabase, type MessageDatabase } from '../fakes/slack/message-database.js';
import { digestsOf, NOBODY_ON_CALL } from '../fakes/slack/slack-gateway.js';
import {
  directory as plainDirectory,
  OPENED_AT_MS,
  planOf,
  slackIds,
  waitingView,
  SLACK_PLACES,
} from '../unit/slack/views.js';

// What holds in every channel that reminds is in test/contracts/reminders.test.ts.

const [ADA, BO] = ['D0ADA', 'D0BO'];

const directory = createDirectory({
  people: plainDirectory.people(),
  groups: { dba: ['ada', 'bo', 'cy'], 'data-owner': ['eve'] },
  agents: plainDirectory.agents(),
});

let database: MessageDatabase;
let slack: FakeSlack;
let nowMs: number;
let warnings: object[];
/** What the record tells now. */
let open: ActionView[];

beforeAll(async () => {
  database = await createMessageDatabase(inject('services').postgres.adminUrl);
});
afterAll(() => database.stop());

beforeEach(async () => {
  nowMs = OPENED_AT_MS;
  warnings = [];
  open = [];
  await database.pool.query(
    'truncate countersign.channel_messages, countersign.reminder_digests, countersign.held_reminders',
  );
  slack = await startFakeSlack({
    ...slackIds,
    conversations: [slackIds.channel],
    signingSecret: '0'.repeat(32),
    botToken: 'xoxb-test',
    clock: () => nowMs,
    limitsPosts: true,
  });
  for (const id of ['U0ADA', 'U0BO', 'U0CY']) slack.state.setUser(id, {});
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
    digests: digestsOf(database.pool, () => open, directory),
    givenUp: async () => undefined,
    log: { info: () => undefined, error: () => undefined, warn: (context) => void warnings.push(context) },
    pause: async (ms) => void (nowMs += ms),
    clock: () => nowMs,
  });
}

const idOf = (index: number): string => `01K9ZZZZZZ00000000000000${String(index).padStart(2, '0')}`;

/** An action that is open on record too. */
function opened(index: number, over: Partial<ActionView> = {}): ActionView {
  const view = waitingView({ actionId: idOf(index), ...over });
  open.push(view);
  return view;
}

async function remind(view: ActionView): Promise<void> {
  nowMs += 2_000;
  await makeChannel().announce('reminded', view, 2);
}

/** The actions that each digest to a person lists. */
const digests = (conversation: string): string[][] =>
  slack.state.messages(conversation).map(({ blocks }) => {
    const links = JSON.stringify(blocks).matchAll(/\/view\/([0-9A-Z]{26})/g);
    return [...links].map(([, actionId]) => actionId ?? '');
  });
const lines = (): string[] =>
  slack.state
    .messages(slackIds.channel)
    .flatMap(({ ts }) => slack.state.replies(slackIds.channel, ts).map(({ text }) => text));
const reminderLines = (): string[] => lines().filter((text) => text.startsWith('Reminder'));

describe('reminders', () => {
  it('stay a line in the thread for people without a Slack account in the directory', async () => {
    const eve = { plan: planOf({ group: 'data-owner', quorum: 1 }) };
    await remind(opened(1, { ...eve, quorum: { filled: false, open: [{ group: 'data-owner', places: 1 }] } }));
    expect(reminderLines()).toEqual([expect.stringMatching(/^Reminder: this still waits for 1 of data-owner\./)]);
  });

  it('become a line in the thread, and one in the log, where Slack refuses to write to somebody', async () => {
    slack.state.setUser('U0ADA', { deleted: true });
    await remind(opened(1));
    expect(digests(BO)).toHaveLength(1);
    expect(reminderLines()).toHaveLength(1);
    expect(warnings).toMatchObject([{ person: 'ada', channel: 'slack', err: { slackCode: 'user_disabled' } }]);
  });
});

describe('a digest', () => {
  it('that Slack did not take leaves the way free for the next reminder', async () => {
    const [first, second] = [opened(1), opened(2)];
    slack.failNext('chat.postMessage', { status: 429, headers: { 'retry-after': '7' } });
    await expect(remind(first)).rejects.toMatchObject({ temporary: true, retryAfterMs: 7_000 });
    // What the thread tells, and the others hear, does not wait for it.
    expect([lines().length, digests(ADA).length, digests(BO).length]).toEqual([1, 0, 1]);
    await remind(second);
    expect([digests(ADA).length, digests(BO).length]).toEqual([1, 1]);
  });

  it.each(['lose_answer', 'drop_request'] as const)(
    'whose post is unclear (%s) is there once after the retry',
    async (how) => {
      const view = opened(1);
      slack.failNext('chat.postMessage', how);
      await expect(remind(view)).rejects.toMatchObject({ temporary: true });
      await remind(view);
      expect(digests(ADA)).toEqual([[idOf(1)]]);
    },
  );
});

describe('the table of digests', () => {
  it.each([
    ['worker', true],
    ['notary', true],
    ['gateway', false],
    ['executor', false],
  ] as const)('may be changed by the %s: %s', async (role, may) => {
    const { rows } = await database.pool.query<{ may: boolean }>(
      `select bool_and(has_table_privilege($1, 'countersign.reminder_digests', r)) as may
       from unnest(array['select', 'insert', 'update', 'delete']) r`,
      [database.roles[role]],
    );
    expect(rows[0]?.may).toBe(may);
  });
});
