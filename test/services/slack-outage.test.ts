import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import type { Channel } from '../../src/channels/channel.js';
import { createMessageStore } from '../../src/channels/message/message-store.js';
import { createSlackApi } from '../../src/channels/slack/slack-api.js';
import { createSlackChannel } from '../../src/channels/slack/slack-channel.js';
import { Secret } from '../../src/core/secret.js';
import { startFakeSlack, type Fault, type FakeSlack } from '../fakes/slack/fake-slack.js';
import { createMessageDatabase, type MessageDatabase } from '../fakes/slack/message-database.js';
import { digestsOf, NOBODY_ON_CALL, SILENT } from '../fakes/slack/slack-gateway.js';
import { useYard } from '../support/use-yard.js';
import { directory, slackIds, SLACK_PLACES } from '../unit/slack/views.js';
import { withChatAwayForAnHour } from '../workflow/chat-away.js';

const yard = useYard();
let database: MessageDatabase;
let slack: FakeSlack;
let channel: Channel;

beforeAll(async () => {
  database = await createMessageDatabase(inject('services').postgres.adminUrl);
  slack = await startFakeSlack({
    ...slackIds,
    conversations: [slackIds.channel],
    signingSecret: '0'.repeat(32),
    botToken: 'xoxb-test',
    clock: Date.now,
  });
  channel = createSlackChannel({
    api: createSlackApi({ botToken: new Secret('xoxb-test'), apiUrl: slack.apiUrl }),
    store: createMessageStore(database.pool),
    directory: () => directory,
    config: SLACK_PLACES,
    readLog: async () => null,
    onCall: NOBODY_ON_CALL,
    digests: digestsOf(database.pool),
    givenUp: async () => undefined,
    log: SILENT,
    pause: async () => undefined,
    clock: Date.now,
  });
});
afterAll(async () => {
  await slack.stop();
  await database.stop();
});

it('a Slack that is down for an hour loses nothing and doubles nothing; the action is decided elsewhere meanwhile', async () => {
  await withChatAwayForAnHour(yard, {
    chat: {
      channel,
      failAll: (fault: Fault | null) => {
        slack.failAll(fault);
      },
    },
    async meanwhile(fails) {
      // What it takes meanwhile is unclear to us: the post that goes through here must not be repeated.
      await fails('lose_answer', 10);
      await fails('drop_request', 1);
    },
    async afterwards(actionId) {
      const messages = slack.state.messages(slackIds.channel);
      expect(messages.map(({ metadata }) => metadata)).toMatchObject([{ event_payload: { action_id: actionId } }]);
      expect(JSON.stringify(messages[0]?.blocks)).toContain('✅ Done');
      const lines = slack.state.replies(slackIds.channel, messages[0]?.ts ?? '').map(({ text }) => text);
      expect(lines.filter((line) => line.startsWith('✅ Done'))).toHaveLength(1);
      expect(lines.filter((line) => line.startsWith('Approved by Ada'))).toHaveLength(1);
      expect(new Set(lines).size).toBe(lines.length);
    },
  });
});
