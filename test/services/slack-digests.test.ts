import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { Channel } from '../../src/channels/channel.js';
import { createMessageStore } from '../../src/channels/message/message-store.js';
import { createSlackApi } from '../../src/channels/slack/slack-api.js';
import { createSlackChannel, type SlackChannelOptions } from '../../src/channels/slack/slack-channel.js';
import { ServiceFault } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { createDirectory } from '../../src/directory/create-directory.js';
import type { ActionView } from '../../src/record/action-view.js';
import { startFakeSlack, type FakeSlack } from '../fakes/slack/fake-slack.js';
import { createMessageDatabase, type MessageDatabase } from '../fakes/slack/message-database.js';
import { digestsOf, NOBODY_ON_CALL } from '../fakes/slack/slack-gateway.js';
import {
  decisionOf,
  directory as plainDirectory,
  OPENED_AT_MS,
  planOf,
  PUBLIC_URL,
  slackIds,
  waitingView,
} from '../unit/slack/views.js';

const [ADA, BO, CY] = ['D0ADA', 'D0BO', 'D0CY'];
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** 23:00 in Berlin, where Ada sleeps. */
const NIGHT_MS = Date.UTC(2026, 10, 22, 22);
/** 07:00 there: she is up. */
const MORNING_MS = Date.UTC(2026, 10, 23, 6);

const quietHours = { timeZone: 'Europe/Berlin', from: '22:00', to: '07:00' };
const directory = createDirectory({
  people: plainDirectory.people().map((person) => (person.id === 'ada' ? { ...person, quietHours } : person)),
  groups: { dba: ['ada', 'bo', 'cy'], oncall: ['di'], lead: ['ada'], 'data-owner': ['eve'] },
  agents: plainDirectory.agents(),
});

let database: MessageDatabase;
let slack: FakeSlack;
let nowMs: number;
let warnings: object[];
/** What the record tells now. */
let open: ActionView[];
/** Why it cannot tell. */
let fault: ServiceFault | null;

beforeAll(async () => {
  database = await createMessageDatabase(inject('services').postgres.adminUrl);
});
afterAll(() => database.stop());

beforeEach(async () => {
  nowMs = OPENED_AT_MS;
  warnings = [];
  open = [];
  fault = null;
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
  for (const id of ['U0ADA', 'U0BO', 'U0CY', 'U0DI']) slack.state.setUser(id, {});
});
afterEach(() => slack.stop());

function read(): ActionView[] {
  if (fault !== null) throw fault;
  return open;
}

function makeChannel(onCall: SlackChannelOptions['onCall'] = NOBODY_ON_CALL): Channel {
  return createSlackChannel({
    api: createSlackApi({ botToken: new Secret('xoxb-test'), apiUrl: slack.apiUrl }),
    store: createMessageStore(database.pool),
    directory: () => directory,
    config: { teamId: slackIds.teamId, channel: slackIds.channel, fallbackChannel: null, publicUrl: PUBLIC_URL },
    readLog: async () => null,
    onCall,
    digests: digestsOf(database.pool, read, directory),
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

async function remind(view: ActionView, number = 2, channel = makeChannel()): Promise<void> {
  nowMs += 2_000;
  await channel.announce('reminded', view, number);
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
  it('of ten actions are one digest to each person who may decide, and no line', async () => {
    const views = Array.from({ length: 10 }, (_, index) => opened(index));
    for (const view of views) await remind(view);
    const all = views.map(({ actionId }) => actionId);
    expect([ADA, BO, CY].map(digests)).toEqual([[all], [all], []]);
    expect(slack.state.messages(ADA)[0]?.text).toBe('10 actions wait for you, the soonest to expire first:');
    expect(reminderLines()).toEqual([]);
  });

  it('come again after a quarter of an hour, and are not repeated by a repeated announcement', async () => {
    const view = opened(1);
    for (const number of [2, 3]) await remind(view, number);
    expect(digests(ADA)).toHaveLength(1);
    nowMs += 15 * MINUTE_MS;
    for (const again of [3, 3, 2]) await remind(view, again);
    expect(digests(ADA)).toHaveLength(2);
  });

  it('list what was asked for since the last one, and not what was decided meanwhile', async () => {
    const [first, second] = [opened(1), opened(2)];
    await remind(first);
    open = [second, waitingView({ actionId: idOf(1), decisions: [decisionOf('ada', 'approve', '')] })];
    opened(3);
    nowMs += 15 * MINUTE_MS;
    await remind(second, 3);
    expect(digests(ADA).at(-1)).toEqual([idOf(2), idOf(3)]);
  });

  it('are not sent, and hold up no other, for what was decided since the view was read', async () => {
    const [stale, other] = [waitingView({ actionId: idOf(1) }), opened(2)];
    await remind(stale);
    expect(digests(ADA)).toEqual([]);
    await remind(other);
    expect(digests(ADA)).toEqual([[idOf(2)]]);
  });

  it('go neither to whoever has decided nor to whoever is barred', async () => {
    await remind(
      opened(1, { decisions: [decisionOf('ada', 'approve', '')], plan: planOf({ group: 'dba', quorum: 2 }) }),
    );
    expect([ADA, BO, CY].map((person) => digests(person).length)).toEqual([0, 1, 0]);
  });

  it('go to those on call where that is known', async () => {
    const onCall = { of: async () => ({ people: ['bo'], source: 'rotation', faults: [] }) };
    await remind(opened(1), 2, makeChannel(onCall));
    expect([ADA, BO].map((person) => digests(person).length)).toEqual([0, 1]);
  });

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

describe('quiet hours', () => {
  const day = { openedAtMs: NIGHT_MS - HOUR_MS, expiresAtMs: NIGHT_MS + 23 * HOUR_MS };
  const late = { openedAtMs: NIGHT_MS - 3 * HOUR_MS, expiresAtMs: NIGHT_MS + HOUR_MS };

  it.each<[string, Partial<ActionView>, number]>([
    ['hold a reminder', {}, 0],
    ['hold one of an action that has escalated to others', { escalated: [{ group: 'oncall', firedAtMs: 0 }] }, 0],
    ['do not hold a critical one', { risk: 'critical' }, 1],
    ['do not hold one that has escalated to the person', { escalated: [{ group: 'lead', firedAtMs: 0 }] }, 1],
    ['do not hold one in the last quarter of its time', late, 1],
    ['hold one at the end of its third quarter', { ...late, expiresAtMs: NIGHT_MS + HOUR_MS + MINUTE_MS }, 0],
  ])('%s', async (_name, over, expected) => {
    nowMs = NIGHT_MS;
    await remind(opened(1, { ...day, ...over }));
    expect(digests(ADA)).toHaveLength(expected);
    // Others are reminded, and the thread says nothing in her place.
    expect(digests(BO)).toHaveLength(1);
    expect(reminderLines()).toEqual([]);
  });

  it('lose nothing: what they held is in the first digest after them', async () => {
    const [held, later] = [opened(1, day), opened(2, day)];
    nowMs = NIGHT_MS;
    await remind(held);
    nowMs = MORNING_MS;
    await remind(later, 5);
    expect(digests(ADA)).toEqual([[idOf(1), idOf(2)]]);
  });
});

describe('what quiet hours held', () => {
  const day = { openedAtMs: NIGHT_MS - HOUR_MS, expiresAtMs: NIGHT_MS + 23 * HOUR_MS };
  const hold = async (...indexes: number[]): Promise<void> => {
    nowMs = NIGHT_MS;
    for (const index of indexes) await remind(opened(index, day));
    nowMs += 15 * MINUTE_MS;
  };
  const pass = async (): Promise<void> => makeChannel().catchUp?.();

  it('comes by itself when they are over, once, as one digest of all that still waits', async () => {
    await hold(1, 2);
    await pass();
    expect(digests(ADA)).toEqual([]);
    nowMs = MORNING_MS;
    await Promise.all([pass(), pass()].map((sent) => sent.catch(() => undefined)));
    await pass();
    expect(digests(ADA)).toEqual([[idOf(1), idOf(2)]]);
  });

  it('does not come when all of it was decided', async () => {
    await hold(1);
    open = [];
    nowMs = MORNING_MS;
    await pass();
    opened(2);
    await pass();
    expect(digests(ADA)).toEqual([]);
  });

  it('does not come beside a reminder that came first and listed it', async () => {
    await hold(1);
    nowMs = MORNING_MS;
    await remind(opened(2, day));
    nowMs += MINUTE_MS;
    await pass();
    nowMs += HOUR_MS;
    await pass();
    expect(digests(ADA)).toEqual([[idOf(1), idOf(2)]]);
  });

  it('stays held while Slack does not take it, and is given up where Slack refuses to write to the person', async () => {
    await hold(1);
    nowMs = MORNING_MS;
    slack.failAll({ status: 503 });
    await expect(pass()).rejects.toMatchObject({ service: 'slack', temporary: true });
    slack.failAll(null);
    slack.state.setUser('U0ADA', { deleted: true });
    await pass();
    slack.state.setUser('U0ADA', {});
    await pass();
    expect(digests(ADA)).toEqual([]);
    expect(warnings).toMatchObject([{ person: 'ada' }]);
  });
});

describe('a digest', () => {
  it.each([
    ['of one reminder', [1, 1]],
    ['of two reminders', [1, 2]],
  ])('is sent once by two workers at once: %s', async (_name, indexes) => {
    const views = [opened(1), opened(2)];
    const told = indexes.map((index) => views[index - 1] ?? waitingView());
    await Promise.allSettled(told.map((view) => makeChannel().announce('reminded', view, 2)));
    // As Temporal does with the one that was told to come again.
    for (const view of told) await remind(view);
    expect([ADA, BO].map(digests)).toEqual([[[idOf(1), idOf(2)]], [[idOf(1), idOf(2)]]]);
    expect(lines().filter((line) => line.startsWith('Asked'))).toHaveLength(new Set(indexes).size);
  });

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

  it('leaves the way free when it cannot be told what waits', async () => {
    const view = opened(1);
    fault = new ServiceFault('record', 'The record cannot be reached.', true);
    await expect(remind(view)).rejects.toMatchObject({ service: 'record' });
    fault = null;
    await remind(opened(2));
    expect(digests(ADA)).toEqual([[idOf(1), idOf(2)]]);
  });
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
