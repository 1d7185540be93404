import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { Channel } from '../../src/channels/channel.js';
import type { TeamsApi } from '../../src/channels/teams/teams-api.js';
import { openTeamsApi } from '../../src/channels/teams/transport.js';
import { createDirectory } from '../../src/directory/create-directory.js';
import type { ActionView } from '../../src/record/action-view.js';
import { createMessageDatabase, type MessageDatabase } from '../fakes/slack/message-database.js';
import { objectsIn, textOf, type FakeTeams } from '../fakes/teams/fake-teams.js';
import { makeChannel, startTeams, transportOf } from '../fakes/teams/teams-gateway.js';
import { PUBLIC_URL, waitingView } from '../unit/slack/views.js';
import { ADA, BO, directory as plainDirectory, teamsIds } from '../unit/teams/views.js';

const HOUR_MS = 3_600_000;
/** 23:00 in Berlin, where Ada sleeps. */
const NIGHT_MS = Date.UTC(2026, 10, 22, 22);
/** 07:00 there: she is up. */
const MORNING_MS = Date.UTC(2026, 10, 23, 6);
const quietHours = { timeZone: 'Europe/Berlin', from: '22:00', to: '07:00' };
const directory = createDirectory({
  people: plainDirectory.people().map((person) => (person.id === 'ada' ? { ...person, quietHours } : person)),
  groups: Object.fromEntries(plainDirectory.groups().map((group) => [group, plainDirectory.membersOf(group)])),
  agents: plainDirectory.agents(),
});

let database: MessageDatabase;
let teams: FakeTeams;
let api: TeamsApi;
let open: ActionView[];
let nowMs: number;
let channel: Channel;

beforeAll(async () => {
  database = await createMessageDatabase(inject('services').postgres.adminUrl);
});
afterAll(() => database.stop());
beforeEach(async () => {
  open = [];
  nowMs = Date.UTC(2026, 10, 22, 12);
  await database.pool.query(
    'truncate countersign.channel_messages, countersign.reminder_digests, countersign.held_reminders',
  );
  teams = await startTeams();
  api = await openTeamsApi(transportOf(teams));
  for (const account of [ADA, BO]) teams.state.setMember(account);
  channel = makeChannel(api, teams, database.pool, { directory, clock: () => nowMs, open: () => open });
});
afterEach(() => teams.stop());

const idOf = (index: number): string => `01K9ZZZZZZ00000000000000${String(index).padStart(2, '0')}`;

function opened(index: number, over: Partial<ActionView> = {}): ActionView {
  const view = waitingView({ actionId: idOf(index), ...over });
  open.push(view);
  return view;
}

/** The actions that each digest to a person links. */
const digests = (account: string): string[][] =>
  teams.state
    .messages(`a:${account}`)
    .map(({ card }) =>
      objectsIn(card).flatMap(({ url }) => (typeof url === 'string' ? [url.replace(`${PUBLIC_URL}/view/`, '')] : [])),
    );

const reminderLines = (): string[] =>
  teams.state
    .messages(teamsIds.channel)
    .flatMap(({ id }) => teams.state.replies(teamsIds.channel, id).map(({ card }) => textOf(card)))
    .filter((text) => text.startsWith('Reminder'));

describe('reminders in Teams', () => {
  it('of several actions are one card to each person who may decide, and no line', async () => {
    const views = [1, 2, 3].map((index) => opened(index));
    for (const view of views) await channel.announce('reminded', view, 2);
    const all = views.map(({ actionId }) => actionId);
    expect([ADA, BO].map(digests)).toEqual([[all], [all]]);
    expect(teams.state.messages(`a:${ADA}`)[0]?.summary).toBe('3 actions wait for you, the soonest to expire first:');
    expect(reminderLines()).toEqual([]);
  });

  it('are a line in the thread where the app is not installed for somebody', async () => {
    teams.state.setMember(ADA, null);
    await channel.announce('reminded', opened(1), 2);
    expect(digests(BO)).toHaveLength(1);
    expect(reminderLines()).toHaveLength(1);
  });

  it('are held in quiet hours, and come by themselves when those are over', async () => {
    nowMs = NIGHT_MS;
    await channel.announce(
      'reminded',
      opened(1, { openedAtMs: nowMs - HOUR_MS, expiresAtMs: nowMs + 23 * HOUR_MS }),
      2,
    );
    await channel.catchUp?.();
    expect([ADA, BO].map((account) => digests(account).length)).toEqual([0, 1]);
    nowMs = MORNING_MS;
    for (let pass = 0; pass < 2; pass += 1) await channel.catchUp?.();
    expect(digests(ADA)).toEqual([[idOf(1)]]);
  });

  it('whose post got no answer are not repeated while Teams gives none', async () => {
    const view = opened(1);
    await channel.announce('opened', view, 1);
    teams.failAll('lose_answer');
    for (let attempt = 0; attempt < 4; attempt += 1)
      await expect(channel.announce('reminded', view, 2)).rejects.toMatchObject({ temporary: true });
    // Opening the chat has no answer either: nothing was posted.
    expect(digests(ADA)).toEqual([]);
    teams.failAll(null);
    await channel.announce('reminded', view, 2);
    expect(digests(ADA)).toHaveLength(1);
  });
});
