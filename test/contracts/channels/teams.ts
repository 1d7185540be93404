import { objectsIn, textOf } from '../../fakes/teams/fake-teams.js';
import type { Card, FakeTeamsMessage } from '../../fakes/teams/teams-state.js';
import { waitFor } from '../../support/slack-stack.js';
import { objectIdOf, teamsIds } from '../../unit/teams/views.js';
import { everybody, PEOPLE, type Office } from '../channel-office.js';
import { chatEnd } from '../chat-end.js';
import type { Answer, Attempt, ChannelSubject } from '../channel-subject.js';

/** Clicks on cards, with tokens of the Bot Connector. */
export const subject: ChannelSubject = {
  folder: 'teams',
  channel: 'teams',
  isFullView: false,
  forged: { unknownAction: 'forbidden', anotherAction: 'forbidden' },
  async start(office) {
    const { teams, stack } = office;
    const cardsOf = (actionId: string): FakeTeamsMessage[] =>
      teams.state.messages(teamsIds.channel).filter(({ card }) => textOf(card).includes(actionId));
    const cardOf = (actionId: string): FakeTeamsMessage | undefined => cardsOf(actionId)[0];
    return {
      async shown(actionId) {
        await office.noted('teams', actionId);
        const message = await waitFor(
          () => cardOf(actionId),
          () => 'no card',
        );
        const view = await office.waiting(actionId);
        return { actionId, actionDigest: view.actionDigest ?? '', where: structuredClone(message) };
      },
      async decide(attempt) {
        const before = (await office.refusals()).length;
        const answer = await teams.send(stack.gatewayUrl, invokeOf(attempt, office));
        return readAnswer(answer, attempt, before, office);
      },
      async decideTwice(attempt) {
        const before = (await office.refusals()).length;
        const invoke = invokeOf(attempt, office);
        const answers = await Promise.all([1, 2].map(() => teams.send(stack.gatewayUrl, invoke)));
        return Promise.all(answers.map((answer) => readAnswer(answer, attempt, before, office)));
      },
      calledOn: ({ where }) =>
        waitFor(
          () => {
            const [asked] = teams.state.replies(teamsIds.channel, (where as FakeTeamsMessage).id);
            return asked && everybody.filter((who) => asked.mentions.includes(objectIdOf(PEOPLE[who].number)));
          },
          () => 'nobody was asked in the thread',
        ),
      showings: async (actionId) => cardsOf(actionId).length,
      ended: (actionId) =>
        waitFor(
          () => chatEnd(textOf(cardOf(actionId)?.card ?? { body: [] })),
          () => textOf(cardOf(actionId)?.card ?? { body: [] }),
        ),
      notices: () =>
        teams.state
          .messages(teamsIds.channel)
          .map(({ card }) => textOf(card))
          .filter((text) => /^\S+ (?:Alarm|Frozen|Freeze)/.test(text)),
      stop: async () => undefined,
    };
  },
};

/** What Teams' client makes of a click on the card as it was shown; ids may be forged. */
function invokeOf({ shown, who, decision, reason = 'Not like this.' }: Attempt, { teams }: Office) {
  const message = structuredClone(shown.where as FakeTeamsMessage);
  const buttons = objectsIn(message.card['actions']).filter(({ type }) => type === 'Action.Execute');
  const data = { actionId: shown.actionId, actionDigest: shown.actionDigest };
  for (const button of buttons) Object.assign(button['data'] as object, data);
  // Where policy demands the full view there are none: a click that comes all the same is made up.
  if (buttons.length === 0) message.card['actions'] = madeUp(data);
  const aadObjectId = objectIdOf(PEOPLE[who].number);
  return teams.invoke({ message, button: decision, aadObjectId, ...(decision === 'deny' && { reason }) });
}

function madeUp(data: object): Card[] {
  return ['approve', 'deny'].map((name) => ({
    type: 'Action.Execute',
    title: name,
    verb: `countersign.${name}`,
    data: { ...data },
  }));
}

async function readAnswer(answer: Response, attempt: Attempt, refusalsBefore: number, office: Office): Promise<Answer> {
  if (answer.status !== 200) throw new Error(`the gateway answered ${String(answer.status)}: ${await answer.text()}`);
  const { value } = (await answer.json()) as { value: Card | string };
  // Above the card stands what came of the click.
  const [words = ''] = (typeof value === 'string' ? value : textOf(value)).split('\n');
  return words.startsWith('This takes longer') ? office.laterMeaning(attempt, refusalsBefore) : office.meaningOf(words);
}
