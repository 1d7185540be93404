import type { Fields } from '../../fakes/slack/block-kit.js';
import type { ChannelSubject } from '../channel-subject.js';
import { sitInSlack } from '../slack-seat.js';

/** Slack's clicks, signed, at the gateway's own endpoint. */
export const subject: ChannelSubject = {
  folder: 'slack',
  channel: 'slack',
  isFullView: false,
  forged: { unknownAction: 'forbidden', anotherAction: 'forbidden' },
  async start(office) {
    const { gatewayUrl } = office.stack;
    const bodyOf = async (answer: Response): Promise<Fields | null> => {
      const text = await answer.text();
      return text === '' ? null : (JSON.parse(text) as Fields);
    };
    const deliver = async (payload: Fields): Promise<Fields | null> => {
      const answer = await office.slack.send(gatewayUrl, payload);
      if (answer.status !== 200) throw new Error(`the gateway answered ${String(answer.status)}`);
      return bodyOf(answer);
    };
    const deliverTwice = async (payload: Fields): Promise<Fields | null> => {
      const answers = await Promise.all([1, 2].map(() => office.slack.send(gatewayUrl, payload)));
      // The very same request is a replay, whichever of the two came second.
      const taken = answers.find(({ status }) => status === 200);
      if (taken === undefined) throw new Error('neither was taken');
      return bodyOf(taken);
    };
    return sitInSlack(office, { deliver, deliverTwice });
  },
};
