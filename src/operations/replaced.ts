import { DIFFERENCE_WORDS, itemsLeftOut } from '../core/difference-words.js';
import { Refusal } from '../core/errors.js';
import type { ActionRequest, Flag, Outcome, Preview } from '../core/schemas/action.js';
import { viewAction } from '../record/action-view.js';
import { differenceBetween } from './difference.js';
import { latest, type Record as ActionRecord } from '../record/record.js';

/** The ended action in whose place another is asked for. */
export interface Replaced {
  request: ActionRequest;
  outcome: Outcome;
}

/** Ends after which nothing has happened at the target. */
const WITHOUT_EFFECT: ReadonlySet<Outcome['status']> = new Set([
  'denied',
  'expired',
  'withdrawn',
  'refused',
  'cancelled',
]);

/**
 * The action that a request names as replaced; null when it names none.
 * @throws Refusal `action_unknown` when this agent asked for no such action; `not_replaceable` when it has not ended, or
 * something ran; `statement_invalid` as the record.
 */
export async function readReplaced(
  record: Pick<ActionRecord, 'ofAction'>,
  { agent, actionId, replaces }: Pick<ActionRequest, 'agent' | 'actionId' | 'replaces'>,
): Promise<Replaced | null> {
  if (replaces === undefined) return null;
  const statements = replaces === actionId ? [] : await record.ofAction(replaces);
  const request = latest(statements, 'request')?.body;
  // An agent does not learn of others' actions.
  if (request?.agent !== agent)
    throw new Refusal('action_unknown', 'The agent asked for no action of this id.', 'replaces');
  const outcome = viewAction(statements)?.outcome ?? null;
  if (outcome === null)
    throw new Refusal('not_replaceable', 'That action has not ended: withdraw it first.', 'replaces');
  if (!WITHOUT_EFFECT.has(outcome.status) || latest(statements, 'effect') !== undefined)
    throw new Refusal('not_replaceable', 'That action ran: ask for a new one without naming it.', 'replaces');
  return { request, outcome };
}

const MAX_FACTS = 40;
const MAX_FLAGS = 50;
const FACT_CHARS = 2_000;

/** What people are shown, in every channel, of the action that is replaced: how it ended, and what is asked otherwise now. */
export function withReplaced(
  shown: { preview: Preview; flags: Flag[] },
  request: ActionRequest,
  replaced: Replaced | null,
): { preview: Preview; flags: Flag[] } {
  if (replaced === null) return shown;
  const { actionId } = replaced.request;
  const { facts: found } = shown.preview;
  const { status, message } = replaced.outcome;
  const facts = [
    { label: 'Asked in the place of', value: `${actionId} (${status}). ${message}`.slice(0, FACT_CHARS) },
    { label: 'What is asked otherwise now', value: differenceOf(replaced.request, request) },
  ];
  const sentence = `It is asked again in the place of ${actionId}, which ended ${status}: ${message}`;
  const flag: Flag = { code: 'asked_again', severity: 'low', sentence: cut(sentence, 500, '…') };
  return {
    preview: { ...shown.preview, facts: [...facts.slice(0, MAX_FACTS - found.length), ...found] },
    flags: shown.flags.length < MAX_FLAGS ? [...shown.flags, flag] : shown.flags,
  };
}

/** By the one comparison that there is, with operation and parameters as the facts. */
function differenceOf(before: ActionRequest, now: ActionRequest): string {
  const { facts, itemsLeftOut: left } = differenceBetween(asShown(before), asShown(now));
  if (facts.length === 0) return 'Nothing: operation and parameters are the same.';
  const told = (value: string | null): string => value ?? DIFFERENCE_WORDS.absent;
  const lines = facts.map(
    (fact) =>
      `${fact.label}: ${told(fact.before)} ${DIFFERENCE_WORDS.before}, ${told(fact.now)} ${DIFFERENCE_WORDS.now}`,
  );
  return cut([...lines, ...(left === 0 ? [] : [itemsLeftOut(left)])].join('\n'), FACT_CHARS);
}

function asShown({ operation, params }: ActionRequest): Parameters<typeof differenceBetween>[0] {
  const facts = Object.entries({ operation, ...params }).map(([label, value]) => ({
    label,
    value: JSON.stringify(value),
  }));
  return { preview: { summary: '', facts, content: { language: 'text', text: '' } }, flags: [] };
}

/** The parameters themselves are shown whole beside it. */
function cut(text: string, chars: number, rest = ' … (more differs)'): string {
  return text.length <= chars ? text : `${text.slice(0, chars - rest.length)}${rest}`;
}
