import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import type { Channel } from '../../src/channels/channel.js';
import { openTeamsApi } from '../../src/channels/teams/transport.js';
import { createMessageDatabase, type MessageDatabase } from '../fakes/slack/message-database.js';
import { objectsIn, textOf, type FakeTeams } from '../fakes/teams/fake-teams.js';
import { makeChannel, startTeams, transportOf } from '../fakes/teams/teams-gateway.js';
import { startTimeSkipping } from '../support/workflow-environment.js';
import { teamsIds } from '../unit/teams/views.js';
import { withChatAwayForAnHour } from '../workflow/chat-away.js';
import { openYard, type Yard } from '../workflow/harness.js';

let environment: TestWorkflowEnvironment;
let yard: Yard;
let database: MessageDatabase;
let teams: FakeTeams;
let channel: Channel;

beforeAll(async () => {
  environment = await startTimeSkipping();
  yard = await openYard(environment);
  database = await createMessageDatabase(inject('services').postgres.adminUrl);
  teams = await startTeams();
  channel = makeChannel(await openTeamsApi(transportOf(teams)), teams, database.pool);
});
afterAll(async () => {
  await yard.close();
  await environment.teardown();
  await teams.stop();
  await database.stop();
});

it('a Teams that is down for an hour loses nothing, and leaves one second card at most; the action is decided elsewhere meanwhile', async () => {
  let unseen = 0;
  await withChatAwayForAnHour(environment, yard, {
    chat: {
      channel,
      failAll: (fault: Parameters<FakeTeams['failAll']>[0]) => {
        teams.failAll(fault);
      },
    },
    async meanwhile(fails) {
      // One post goes through here unseen; while no answer comes back, it is not repeated.
      teams.failNext('lose_answer');
      await fails('lose_answer', 10);
      await fails('drop_request', 1);
      unseen = teams.state.messages(teamsIds.channel).length;
      expect(unseen).toBeLessThanOrEqual(1);
    },
    afterwards() {
      const messages = teams.state.messages(teamsIds.channel);
      expect(messages.length - unseen).toBe(1);
      const kept = messages.at(-1);
      expect(textOf(kept?.card ?? {})).toContain('✅ Done');
      expect(objectsIn(kept?.card).filter(({ type }) => type === 'Action.Execute')).toEqual([]);
      const lines = teams.state.replies(teamsIds.channel, kept?.id ?? '').map(({ summary }) => summary);
      expect(new Set(lines).size).toBe(lines.length);
    },
  });
});
