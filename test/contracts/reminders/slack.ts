import { createMessageStore } from '../../../src/channels/message/message-store.js';
import { createSlackApi } from '../../../src/channels/slack/slack-api.js';
import { createSlackChannel } from '../../../src/channels/slack/slack-channel.js';
import { Secret } from '../../../src/core/secret.js';
import { startFakeSlack } from '../../fakes/slack/fake-slack.js';
import { digestsOf, SILENT } from '../../fakes/slack/slack-gateway.js';
import { directory, slackIds, SLACK_PLACES } from '../../unit/slack/views.js';
import type { ReminderSubject } from '../reminder-subject.js';

const BOT_TOKEN = 'xoxb-test';

export const subject: ReminderSubject = {
  folder: 'slack',
  directory,
  async start(pool) {
    const slack = await startFakeSlack({
      ...slackIds,
      conversations: [slackIds.channel],
      signingSecret: '0'.repeat(32),
      botToken: BOT_TOKEN,
      clock: Date.now,
    });
    const accountOf = (person: string): string => `U0${person.toUpperCase()}`;
    for (const person of ['ada', 'bo', 'cy', 'di']) slack.state.setUser(accountOf(person), {});
    return {
      make: ({ clock, open, directory: people, onCall }) =>
        createSlackChannel({
          api: createSlackApi({ botToken: new Secret(BOT_TOKEN), apiUrl: slack.apiUrl }),
          store: createMessageStore(pool),
          directory: () => people,
          config: SLACK_PLACES,
          readLog: async () => null,
          onCall,
          digests: digestsOf(pool, open, people),
          givenUp: async () => undefined,
          log: SILENT,
          pause: async () => undefined,
          clock,
        }),
      digests: (person) =>
        slack.state.messages(`D0${person.toUpperCase()}`).map(({ blocks }) => {
          const links = JSON.stringify(blocks).matchAll(/\/view\/([0-9A-Z]{26})/g);
          return [...links].map(([, actionId]) => actionId ?? '');
        }),
      headlines: (person) => slack.state.messages(`D0${person.toUpperCase()}`).map(({ text }) => text),
      lines: () =>
        slack.state
          .messages(slackIds.channel)
          .flatMap(({ ts }) => slack.state.replies(slackIds.channel, ts).map(({ text }) => text))
          .filter((text) => text.startsWith('Reminder')),
      fail: (fault) => {
        slack.failAll(fault);
      },
      refuse: (person, isRefused) => {
        slack.state.setUser(accountOf(person), { deleted: isRefused });
      },
      stop: () => slack.stop(),
    };
  },
};
