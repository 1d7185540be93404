import { Refusal } from '../../core/errors.js';
import { viewAction } from '../../record/action-view.js';
import type { ActionFilter, Record as ActionRecord } from '../../record/record.js';
import { toSummary, type ActionSummaryBody } from './schemas.js';

/** A page of actions. */
export interface FoundPage {
  actions: ActionSummaryBody[];
  /** Ids of actions whose statements do not verify. */
  unreadable: string[];
  /** Id to go on before; null when nothing is left to look at. */
  next: string | null;
}

// What signatures and folding take of so many is a second or two; who seeks further asks for the next page.
const LOOKED_AT = 500;

/**
 * Actions, newest first, whose own words hold all that is sought. What is said of an action is in signed statements, so each
 * is read: one page looks at 500 of them at most, and may hold fewer than its limit, or none, while `next` goes on.
 */
export async function findActions(
  record: Pick<ActionRecord, 'listActions' | 'ofActions'>,
  filter: ActionFilter,
  sought: string | undefined,
): Promise<FoundPage> {
  const words = (sought ?? '')
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const page: FoundPage = { actions: [], unreadable: [], next: null };
  let { before } = filter;
  for (let looked = 0; looked < LOOKED_AT;) {
    const ids = await record.listActions({ ...filter, ...(before !== undefined && { before }) });
    looked += ids.length;
    for (const [index, statements] of (await record.ofActions(ids)).entries()) {
      before = ids[index];
      const view = statements instanceof Refusal ? undefined : viewAction(statements);
      // Whatever is sought: what was tampered with is told.
      if (statements instanceof Refusal) page.unreadable.push(ids[index] ?? '');
      else if (view !== undefined && holds(toSummary(view), words)) page.actions.push(toSummary(view));
      if (page.actions.length === filter.limit && words.length > 0) return { ...page, next: before ?? null };
    }
    if (ids.length < filter.limit) return page;
    if (words.length === 0) break;
  }
  return { ...page, next: before ?? null };
}

function holds(
  { actionId, request, target, preview, state, outcome, risk }: ActionSummaryBody,
  words: string[],
): boolean {
  const texts = [
    actionId,
    preview?.summary,
    request.agent,
    request.operation,
    request.reason,
    target?.name,
    target?.environment,
    state,
    outcome?.status.replaceAll('_', ' '),
    risk,
  ];
  const whole = texts.join('\n').toLowerCase();
  return words.every((word) => whole.includes(word));
}
