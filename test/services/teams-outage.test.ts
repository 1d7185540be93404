import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, inject, it, vi } from 'vitest';
import { translated } from '../../activities/failures.js';
import type { Channel } from '../../src/channels/channel.js';
import { openTeamsApi } from '../../src/channels/teams/transport.js';
import type { Prepared } from '../../src/contracts/activities.js';
import type { ActionView } from '../../src/record/action-view.js';
import { createMessageDatabase, type MessageDatabase } from '../fakes/slack/message-database.js';
import { objectsIn, textOf, type FakeTeams } from '../fakes/teams/fake-teams.js';
import { makeChannel, startTeams, transportOf } from '../fakes/teams/teams-gateway.js';
import { startTimeSkipping } from '../support/workflow-environment.js';
import { decisionOf, doneView, timeline, waitingView } from '../unit/slack/views.js';
import { teamsIds } from '../unit/teams/views.js';
import { openYard, type Yard } from '../workflow/harness.js';

const MINUTE_MS = 60_000;
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

const remindsEveryTenMinutes = (base: Prepared): Prepared => ({
  ...base,
  plan: { ...base.plan, remindAfterMs: 10 * MINUTE_MS },
});

/** Lets an hour's part pass while Teams fails in this way. */
async function fails(fault: Parameters<FakeTeams['failAll']>[0], minutes: number): Promise<void> {
  teams.failAll(fault);
  await environment.sleep(minutes * MINUTE_MS);
}

it('a Teams that is down for an hour loses nothing, and leaves one second card at most; the action is decided elsewhere meanwhile', async () => {
  let view: (actionId: string) => ActionView = (actionId) => waitingView({ actionId });
  let attempts = 0;
  let bench: { actionId: string } | null = null;
  const tell = async (actionId: string, ...[event, number]: ['opened' | 'concluded', number]): Promise<void> => {
    attempts += 1;
    await channel.announce(event, view(actionId), number);
  };
  teams.failAll('drop_request');
  await yard.withAction(
    {
      prepared: remindsEveryTenMinutes,
      announce: ({ actionId, number }) =>
        translated(
          () => undefined,
          () => tell(actionId, number === 0 ? 'concluded' : 'opened', number),
        ),
      told: async () => {
        const actionId = bench?.actionId ?? '';
        return tell(actionId, 'concluded', 0).then(
          () => true,
          () => false,
        );
      },
    },
    async (running) => {
      bench = running;
      await vi.waitFor(() => {
        expect(attempts).toBeGreaterThan(0);
      }, 20_000);
      await fails('drop_request', 10);
      await fails({ status: 503 }, 10);
      // One post goes through here unseen; while no answer comes back, it is not repeated.
      teams.failNext('lose_answer');
      await fails('lose_answer', 10);
      await fails('drop_request', 1);
      const unseen = teams.state.messages(teamsIds.channel);
      expect(unseen.length).toBeLessThanOrEqual(1);
      view = (id) =>
        waitingView({
          actionId: id,
          state: 'approved',
          decisions: [decisionOf('ada', 'approve', '')],
          timeline: timeline(5),
        });
      expect(await running.approve('ada', ['dba'])).toMatchObject({ state: 'filled' });
      view = (id) => doneView({ actionId: id });
      await vi.waitFor(() => {
        expect(running.seen.concluded).toHaveLength(1);
      }, 20_000);
      expect(running.seen.ran).toBe(1);
      await fails('drop_request', 29);
      expect(attempts).toBeGreaterThan(40);

      teams.failAll(null);
      expect(await running.result()).toMatchObject({ outcome: { status: 'succeeded' } });
      const messages = teams.state.messages(teamsIds.channel);
      expect(messages.length - unseen.length).toBe(1);
      const kept = messages.at(-1);
      expect(textOf(kept?.card ?? {})).toContain('✅ Done');
      expect(objectsIn(kept?.card).filter(({ type }) => type === 'Action.Execute')).toEqual([]);
      const lines = teams.state.replies(teamsIds.channel, kept?.id ?? '').map(({ summary }) => summary);
      expect(new Set(lines).size).toBe(lines.length);
    },
  );
});
