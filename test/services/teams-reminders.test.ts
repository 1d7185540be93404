import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { Channel } from '../../src/channels/channel.js';
import type { TeamsApi } from '../../src/channels/teams/teams-api.js';
import { openTeamsApi } from '../../src/channels/teams/transport.js';
import { createMessageDatabase, type MessageDatabase } from '../fakes/slack/message-database.js';
import type { FakeTeams } from '../fakes/teams/fake-teams.js';
import { makeChannel, startTeams, transportOf } from '../fakes/teams/teams-gateway.js';
import { waitingView } from '../unit/slack/views.js';
import { ADA, BO } from '../unit/teams/views.js';

// What holds in every channel that reminds is in test/contracts/reminders.test.ts.

let database: MessageDatabase;
let teams: FakeTeams;
let api: TeamsApi;
let channel: Channel;
const NOW_MS = Date.UTC(2026, 10, 22, 12);
const view = waitingView();

beforeAll(async () => {
  database = await createMessageDatabase(inject('services').postgres.adminUrl);
});
afterAll(() => database.stop());
beforeEach(async () => {
  await database.pool.query(
    'truncate countersign.channel_messages, countersign.reminder_digests, countersign.held_reminders',
  );
  teams = await startTeams();
  api = await openTeamsApi(transportOf(teams));
  for (const account of [ADA, BO]) teams.state.setMember(account);
  channel = makeChannel(api, teams, database.pool, { clock: () => NOW_MS, open: () => [view] });
});
afterEach(() => teams.stop());

/** Digests to a person. */
const digests = (account: string) => teams.state.messages(`a:${account}`);

describe('reminders in Teams', () => {
  it('whose post got no answer are not repeated while Teams gives none', async () => {
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
