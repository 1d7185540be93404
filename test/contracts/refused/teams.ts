import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { objectsIn, textOf } from '../../fakes/teams/fake-teams.js';
import type { FakeTeamsMessage } from '../../fakes/teams/teams-state.js';
import { waitFor } from '../../support/slack-stack.js';
import { TEAMS_ATTACKS, type HonestClick } from '../../unit/teams/attacks.js';
import { objectIdOf, teamsIds } from '../../unit/teams/views.js';
import { PEOPLE, type Office, type Standing } from '../channel-office.js';
import { postFromAnywhere } from './post-from-anywhere.js';

const BEN_IN_TEAMS = objectIdOf(PEOPLE.ben.number);

/** What the endpoint for Teams turns away. */
export function refusedInTeams(officeOf: () => Office): void {
  describe('in Teams', () => {
    let actionId: string;
    let card: FakeTeamsMessage;
    let standing: Standing;

    beforeAll(async () => {
      actionId = await officeOf().request('plain');
      await officeOf().noted('teams', actionId);
      const found = () =>
        officeOf()
          .teams.state.messages(teamsIds.channel)
          .find((one) => textOf(one.card).includes(actionId));
      card = structuredClone(
        await waitFor(
          () => found(),
          () => 'no card',
        ),
      );
      standing = await officeOf().standing(actionId);
    });
    afterEach(() => {
      officeOf().teams.state.setMember(BEN_IN_TEAMS);
    });

    const untouched = async (): Promise<void> => {
      expect(await officeOf().standing(actionId)).toEqual(standing);
    };

    const invoke = (over: Partial<FakeTeamsMessage> = {}, aadObjectId = BEN_IN_TEAMS) =>
      officeOf().teams.invoke({ message: { ...card, ...over }, button: 'approve', aadObjectId });
    const honest = (): HonestClick => ({
      tokens: officeOf().teams.tokens,
      serviceUrl: officeOf().teams.serviceUrl,
      invoke: () => invoke(),
    });
    const send = async (activity: unknown): Promise<string> => {
      const answer = await officeOf().teams.send(officeOf().stack.gatewayUrl, activity);
      expect(answer.status).toBe(200);
      return answer.text();
    };

    it.each(TEAMS_ATTACKS)('$name ($error)', async ({ make, status, error }) => {
      expect(await postFromAnywhere(officeOf(), '/teams/messages', await make(honest()))).toEqual({
        status,
        json: { error },
      });
      await untouched();
    });

    it.each<[string, Parameters<Office['teams']['state']['setMember']>[1], string]>([
      ['a guest', { userRole: 'guest' }, 'full member'],
      ['anonymous', { userRole: 'anonymous' }, 'full member'],
      ['of another tenant', { tenantId: teamsIds.otherTenantId }, 'full member'],
      ['no member any more', null, 'full member'],
    ])('an approver who is %s', async (_name, member, words) => {
      const activity = invoke();
      officeOf().teams.state.setMember(BEN_IN_TEAMS, member);
      expect(await send(activity)).toContain(words);
      await untouched();
    });

    it('an approver whom Teams cannot be asked about', async () => {
      const activity = invoke();
      officeOf().teams.failNext({ status: 503 });
      expect(await send(activity)).toContain('try again');
      await untouched();
    });

    it('an account that the directory does not have', async () => {
      officeOf().teams.state.setMember(objectIdOf(99));
      expect(await send(invoke({}, objectIdOf(99)))).toContain('not in the Countersign directory');
      await untouched();
    });

    it.each<[string, Partial<FakeTeamsMessage>, string]>([
      ['a message that we did not post', { id: '1764000009999' }, 'not the message that Countersign keeps'],
      ['a conversation that we did not post to', { conversation: teamsIds.fallback }, 'Not counted'],
    ])('a click in %s', async (_name, over, words) => {
      expect(await send(invoke(over))).toContain(words);
      await untouched();
    });

    it('but the honest click counts, once: again it is the same decision', async () => {
      expect(objectsIn(card.card).some(({ type }) => type === 'Action.Execute')).toBe(true);
      const activity = invoke();
      await send(activity);
      await officeOf().agent.wait(actionId, { timeoutMs: 50_000 });
      standing = await officeOf().standing(actionId);
      await send(activity);
      await untouched();
      expect(standing.decisions).toMatchObject([{ person: 'ben', channel: 'teams' }]);
    });
  });
}
