import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createMessageDatabase, type MessageDatabase } from '../fakes/slack/message-database.js';
import { objectsIn, textOf, type FakeTeams } from '../fakes/teams/fake-teams.js';
import { startTeamsGateway, type TeamsGateway } from '../fakes/teams/teams-gateway.js';
import { useYard } from '../support/use-yard.js';
import { doneView } from '../unit/slack/views.js';
import { BO, teamsIds } from '../unit/teams/views.js';
import { withChatAwayForAnHour } from '../workflow/chat-away.js';

const yard = useYard();
let database: MessageDatabase;
let gateway: TeamsGateway;

beforeAll(async () => {
  database = await createMessageDatabase(inject('services').postgres.adminUrl);
  gateway = await startTeamsGateway(database.pool);
});
afterAll(async () => {
  await gateway.stop();
  await database.stop();
});

it('a Teams that is down for an hour loses nothing, and doubles nothing once somebody looks; the action is decided elsewhere meanwhile', async () => {
  const { teams, channel } = gateway;
  let lost: string[] = [];
  // One post goes through unseen; while no answer comes back, it is not repeated.
  teams.failNext('lose_answer');
  await withChatAwayForAnHour(yard, {
    chat: {
      channel,
      failAll: (fault: Parameters<FakeTeams['failAll']>[0]) => {
        teams.failAll(fault);
      },
    },
    async meanwhile(fails) {
      await fails('lose_answer', 10);
      await fails('drop_request', 1);
      lost = teams.state.allIn(teamsIds.channel).map(({ id }) => id);
      expect(lost).toHaveLength(1);
    },
    async afterwards(actionId) {
      gateway.view = doneView({ actionId });
      expect(teams.state.messages(teamsIds.channel)).toHaveLength(2);
      await teams.look(gateway.url, teamsIds.channel, BO);
      const [kept, ...more] = teams.state.messages(teamsIds.channel);
      expect(more).toEqual([]);
      expect(lost).not.toContain(kept?.id);
      expect(textOf(kept?.card ?? {})).toContain('✅ Done');
      expect(objectsIn(kept?.card['actions']).filter(({ type }) => type === 'Action.Execute')).toEqual([]);
      const lines = teams.state.replies(teamsIds.channel, kept?.id ?? '').map(({ summary }) => summary);
      expect(new Set(lines).size).toBe(lines.length);
      expect(gateway.decided).toEqual([]);
    },
  });
});
