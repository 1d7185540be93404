import { everybody, PEOPLE, type Who } from './channel-office.js';
import type { End } from './channel-subject.js';

const HEADLINES = [
  ['succeeded', 'Done: database.export'],
  ['denied', 'Denied: database.export'],
] as const;

/** How a chat's message tells the end of an action; undefined before it does. */
export function chatEnd(text: string): End | undefined {
  // A denial is in the headline before the action is closed; who denied stands there only at the end.
  const status = HEADLINES.find(([, words]) => text.includes(words))?.[0];
  if (status === undefined || !text.includes('Concluded')) return undefined;
  return { status, approvedBy: namedAfter('approved by', text), deniedBy: namedAfter('denied by', text), text };
}

/** E.g. `approved by Ben Berg and Carol Chen.` */
function namedAfter(words: string, text: string): Who[] {
  const [, after = ''] = text.split(`${words} `);
  const names = (after.split(/[.,]/)[0] ?? '').split(' and ');
  return everybody.filter((who) => names.includes(PEOPLE[who].name));
}
