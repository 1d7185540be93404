import type { DigestMail } from '../message/digests.js';
import { slackUserOf } from './mentions.js';
import { postOnce, type PostOptions } from './post-once.js';
import { SLACK_CHANNEL_NAME } from './show-message.js';
import { SlackFault } from './slack-api.js';
import { listMessage } from './waiting-list.js';

/** Digests as direct messages in Slack. */
export function createSlackMail(options: PostOptions & { config: { teamId: string; publicUrl: string } }): DigestMail {
  const { api, config } = options;
  return {
    channelName: SLACK_CHANNEL_NAME,
    to(person, directory) {
      const userId = slackUserOf(person, directory, config.teamId);
      return userId === undefined ? undefined : () => api.openDirect(userId);
    },
    post: ({ key, conversation, waiting, onAbsent }) =>
      postOnce(
        {
          key,
          conversation,
          eventType: 'countersign_digest',
          compose: async () => listMessage(waiting, config.publicUrl),
          onAbsent,
        },
        options,
      ),
    isUnreachable: (error) => error instanceof SlackFault && !error.temporary,
  };
}
