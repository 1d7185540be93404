import { randomUUID } from 'node:crypto';
import type { Fields } from '../../fakes/slack/block-kit.js';
import type { ChannelSubject } from '../channel-subject.js';
import { sitInSlack } from '../slack-seat.js';

/** Slack's clicks over the connection that the gateway holds. */
export const subject: ChannelSubject = {
  folder: 'slack',
  channel: 'slack',
  isFullView: false,
  forged: { unknownAction: 'forbidden', anotherAction: 'forbidden' },
  async start(office) {
    await office.slackSocket.connected(1);
    const deliver = async (payload: Fields): Promise<Fields> =>
      (await office.slackSocket.deliver('interactive', payload)).payload;
    const deliverTwice = async (payload: Fields): Promise<Fields> => {
      const envelope = randomUUID();
      const first = office.slackSocket.deliver('interactive', payload, envelope);
      await office.slackSocket.deliver('interactive', payload, envelope);
      return (await first).payload;
    };
    return sitInSlack(office, { deliver, deliverTwice });
  },
};
