import type { Fields } from '../fakes/slack/block-kit.js';
import type { FakeMessage } from '../fakes/slack/slack-state.js';
import { nodesOf, textOf, waitFor } from '../support/slack-stack.js';
import { everybody, SLACK, type Office, type Who } from './channel-office.js';
import type { Answer, Attempt, StartedChannel } from './channel-subject.js';
import { chatEnd } from './chat-end.js';

/** A way in for what Slack sends; gives the answer's body, null where there is none. */
export type Deliver = (payload: Fields) => Promise<Fields | null>;

/** People in a Slack workspace, whichever way their clicks come in. */
export function sitInSlack(
  office: Office,
  { deliver, deliverTwice }: { deliver: Deliver; deliverTwice: Deliver },
): StartedChannel {
  const { slack } = office;
  let clicks = 0;
  const clickOf = ({ shown, who, decision }: Attempt): Fields => {
    clicks += 1;
    const { ts } = shown.where as { ts: string };
    const user = SLACK.userOf(who);
    return {
      type: 'block_actions',
      team: { id: SLACK.teamId },
      api_app_id: SLACK.appId,
      user: { id: user, team_id: SLACK.teamId },
      trigger_id: slack.state.trigger(),
      container: { type: 'message', message_ts: ts, channel_id: SLACK.channel },
      channel: { id: SLACK.channel },
      actions: [
        {
          type: 'button',
          action_id: `countersign_${decision}`,
          value: `${shown.actionId}.${shown.actionDigest}`,
          action_ts: `${String(Math.floor(Date.now() / 1_000))}.${String(clicks).padStart(6, '0')}`,
        },
      ],
    };
  };
  const tellings = (who: Who): string[] =>
    slack.state.ephemerals.filter(({ userId }) => userId === SLACK.userOf(who)).map(({ text }) => text);
  /** Lines that were not yet there when somebody clicked, and are another click's. */
  const expected = new Map<Who, number>();
  const tellingTo = async <T>(who: Who, work: (told: () => string | undefined) => Promise<T>): Promise<T> => {
    const others = expected.get(who) ?? 0;
    const index = tellings(who).length + others;
    expected.set(who, others + 1);
    try {
      return await work(() => tellings(who)[index]);
    } finally {
      expected.set(who, (expected.get(who) ?? 1) - 1);
    }
  };
  const approve = (attempt: Attempt, send: Deliver): Promise<string> =>
    tellingTo(attempt.who, async (told) => {
      await send(clickOf(attempt));
      return waitFor(told, () => `${attempt.who} was told nothing`);
    });
  const deny = async (attempt: Attempt, send: Deliver): Promise<string> => {
    const { who, reason = 'Not like this.' } = attempt;
    const before = slack.state.views().length;
    const form = (): string | undefined => slack.state.views()[before];
    const instead = await tellingTo(who, async (told) => {
      await deliver(clickOf(attempt));
      return waitFor(
        () => told() ?? (form() === undefined ? undefined : ''),
        () => 'no form opened',
      );
    });
    // Slack opens a form within three seconds of the click, or not at all: a person presses again.
    if (instead.includes('again in a moment')) return deny(attempt, send);
    if (instead !== '') return instead;
    return tellingTo(who, async (told) => {
      const body = await send(slack.payloads.submission({ viewId: form() ?? '', userId: SLACK.userOf(who), reason }));
      const [error] = Object.values((body?.['errors'] ?? {}) as Record<string, string>);
      return error ?? waitFor(told, () => `${who} was told nothing`);
    });
  };
  const decide = async (attempt: Attempt, send: Deliver): Promise<Answer> =>
    office.meaningOf(await (attempt.decision === 'approve' ? approve : deny)(attempt, send));
  const messagesOf = (actionId: string): FakeMessage[] =>
    slack.state.messages(SLACK.channel).filter(({ metadata }) => JSON.stringify(metadata ?? {}).includes(actionId));
  const messageOf = (actionId: string): FakeMessage | undefined => messagesOf(actionId)[0];
  return {
    async shown(actionId) {
      await office.noted('slack', actionId);
      const found = await waitFor(
        () => messageOf(actionId),
        () => 'no message',
      );
      const value = nodesOf(found.blocks).find((node) => node['action_id'] === 'countersign_approve')?.['value'];
      const [, actionDigest = ''] = typeof value === 'string' ? value.split('.') : [];
      if (actionDigest !== '') return { actionId, actionDigest, where: { ts: found.ts } };
      // Where policy demands the full view there are no buttons: a click that comes all the same is made up.
      const view = await office.waiting(actionId);
      return { actionId, actionDigest: view.actionDigest ?? '', where: { ts: found.ts } };
    },
    decide: (attempt) => decide(attempt, deliver),
    calledOn: ({ where }) =>
      waitFor(
        () => {
          const [asked] = slack.state.replies(SLACK.channel, (where as { ts: string }).ts);
          return asked && everybody.filter((who) => asked.text.includes(`<@${SLACK.userOf(who)}>`));
        },
        () => 'nobody was asked in the thread',
      ),
    decideTwice: async (attempt) => [await decide(attempt, deliverTwice)],
    showings: async (actionId) => messagesOf(actionId).length,
    async ended(actionId) {
      return waitFor(
        () => chatEnd(textOf(messageOf(actionId) ?? { blocks: [] })),
        () => textOf(messageOf(actionId) ?? { blocks: [] }),
      );
    },
    notices: () =>
      slack.state
        .messages(SLACK.channel)
        .filter(({ metadata }) => JSON.stringify(metadata ?? {}).includes('countersign_notice'))
        .map(textOf),
    stop: async () => undefined,
  };
}
