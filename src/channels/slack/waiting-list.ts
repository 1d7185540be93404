import { headline } from '../message/end.js';
import { viewUrl } from '../message/layout.js';
import { bold, date, list, richText, section, text, type Inline } from '../message/rich-text.js';
import type { Waiting } from '../waiting.js';
import type { Block } from './blocks.js';
import { attempt, type Ending } from '../attempt.js';
import { escapeMrkdwn } from './escape.js';
import { memberOf, type IdentityOptions } from './identity.js';
import type { Command } from './interaction.js';

export interface WaitingListOptions extends IdentityOptions {
  waitingFor: (person: string) => Promise<Waiting>;
  /** Without a trailing slash. */
  publicUrl: string;
}

/** What Slack shows to the person who sent a command, and to nobody else. */
export interface CommandAnswer {
  response_type: 'ephemeral';
  text: string;
  blocks: Block[];
}

const SHOWN = 20;

/** `/countersign`: what waits for the person, with links. Never rejects. */
export async function answerCommand(
  { user }: Command,
  options: WaitingListOptions,
): Promise<{ ending: Ending; answer: CommandAnswer }> {
  const answers: CommandAnswer[] = [];
  const ending = await attempt(
    () => memberOf(user, options),
    async (person) => {
      answers.push(listed(await options.waitingFor(person.id), options.publicUrl));
      return '';
    },
  );
  return { ending, answer: answers[0] ?? inWords(ending.fault === null ? ending.words : UNKNOWN) };
}

const UNKNOWN =
  'Countersign cannot tell what waits for you: a service that it needs did not answer. Please try again in a moment.';

/** An answer of one sentence. */
export function inWords(words: string): CommandAnswer {
  return { response_type: 'ephemeral', text: escapeMrkdwn(words), blocks: [richText(section(...text(words)))] };
}

function listed(waiting: Waiting, publicUrl: string): CommandAnswer {
  if (waiting.views.length > 0) return { response_type: 'ephemeral', ...waitingList(waiting, publicUrl) };
  return inWords(`Nothing waits for you.${cutWords(waiting)}`);
}

/** What waits for a person, with links; at least one action. */
export function waitingList(waiting: Waiting, publicUrl: string): { text: string; blocks: Block[] } {
  const { views } = waiting;
  const head = `${String(views.length)} ${views.length === 1 ? 'action waits' : 'actions wait'} for you, the soonest to expire first:`;
  const items = views
    .slice(0, SHOWN)
    .map((view): Inline[] => [
      { type: 'link', url: viewUrl(publicUrl, view.actionId), text: view.actionId },
      ...text(`  ${headline(view)}. Risk: ${view.risk}. Expires `),
      date(view.expiresAtMs),
    ]);
  const left = views.length > SHOWN ? `${String(views.length - SHOWN)} more are not listed here.` : '';
  const more = `${left}${cutWords(waiting)}`.trim();
  return {
    text: escapeMrkdwn(head),
    blocks: [richText(section(...bold(head)), list(items), ...(more === '' ? [] : [section(...text(more))]))],
  };
}

function cutWords({ isCut }: Waiting): string {
  return isCut ? ' Only the newest open actions were looked at.' : '';
}
