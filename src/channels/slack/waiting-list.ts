import { richText, section, text } from '../message/rich-text.js';
import { cutWords, waitingList } from '../message/waiting-list.js';
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
  if (waiting.views.length > 0) return { response_type: 'ephemeral', ...listMessage(waiting, publicUrl) };
  return inWords(`Nothing waits for you.${cutWords(waiting)}`);
}

/** What waits for a person, with links; at least one action. */
export function listMessage(waiting: Waiting, publicUrl: string): { text: string; blocks: Block[] } {
  const { head, block } = waitingList(waiting, publicUrl);
  return { text: escapeMrkdwn(head), blocks: [block] };
}
