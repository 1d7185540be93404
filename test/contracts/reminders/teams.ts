import { openTeamsApi } from '../../../src/channels/teams/transport.js';
import { objectsIn, textOf } from '../../fakes/teams/fake-teams.js';
import { makeChannel, startTeams, transportOf } from '../../fakes/teams/teams-gateway.js';
import { PUBLIC_URL } from '../../unit/slack/views.js';
import { ACCOUNTS, ADA, BO, directory, teamsIds } from '../../unit/teams/views.js';
import type { Reminded, ReminderSubject } from '../reminder-subject.js';

/** Bo has his alias's account alone. */
const accounts: Readonly<Record<Reminded, string>> = { ada: ADA, bo: BO, cy: ACCOUNTS['cy'] ?? '' };

export const subject: ReminderSubject = {
  folder: 'teams',
  directory,
  async start(pool) {
    const teams = await startTeams();
    const api = await openTeamsApi(transportOf(teams));
    for (const account of Object.values(ACCOUNTS)) teams.state.setMember(account);
    return {
      make: (world) => makeChannel(api, teams, pool, world),
      digests: (person) =>
        teams.state
          .messages(`a:${accounts[person]}`)
          .map(({ card }) =>
            objectsIn(card).flatMap(({ url }) =>
              typeof url === 'string' ? [url.replace(`${PUBLIC_URL}/view/`, '')] : [],
            ),
          ),
      headlines: (person) => teams.state.messages(`a:${accounts[person]}`).map(({ summary }) => summary),
      lines: () =>
        teams.state
          .messages(teamsIds.channel)
          .flatMap(({ id }) => teams.state.replies(teamsIds.channel, id).map(({ card }) => textOf(card)))
          .filter((text) => text.startsWith('Reminder')),
      fail: (fault) => {
        teams.failAll(fault);
      },
      refuse: (person, isRefused) => {
        if (isRefused) teams.state.setMember(accounts[person], null);
        else teams.state.setMember(accounts[person]);
      },
      stop: () => teams.stop(),
    };
  },
};
