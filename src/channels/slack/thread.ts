import type { MessageAddress } from '../message/message-store.js';
import { patiently, type Pause } from '../message/patiently.js';
import { MESSAGE_SLOT } from '../message/showings.js';
import type { HistoryLine } from './history.js';
import { postOnce, type PostOptions } from './post-once.js';
import { SLACK_CHANNEL_NAME } from './show-message.js';
import type { OutgoingMessage } from './slack-api.js';

/** The message whose thread it is. */
interface Thread {
  actionId: string;
  /** Slot of the message that the thread belongs to. */
  showing: string;
  thread: MessageAddress;
}

/**
 * Posts a line in a message's thread, unless it is there.
 * @throws ServiceFault as `Channel.announce`.
 */
export async function postLine(
  line: HistoryLine,
  { actionId, showing, thread }: Thread,
  options: PostOptions & { pause: Pause },
): Promise<void> {
  const slot = showing === MESSAGE_SLOT ? line.slot : `${line.slot} of ${showing}`;
  const post = (): Promise<void> =>
    postOnce(
      {
        key: { channelName: SLACK_CHANNEL_NAME, subject: actionId, slot },
        conversation: thread.conversation,
        threadTs: thread.ts,
        eventType: 'countersign_reply',
        compose: async () => contentsOf(await line.words()),
      },
      options,
    );
  await patiently(post, options.pause);
}

function contentsOf(mrkdwn: string): Pick<OutgoingMessage, 'text' | 'blocks'> {
  return {
    text: mrkdwn,
    blocks: [{ type: 'section', text: { type: 'mrkdwn', text: mrkdwn, verbatim: true } }],
  };
}
