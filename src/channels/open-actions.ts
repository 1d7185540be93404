import { Refusal } from '../core/errors.js';
import { viewAction, type ActionView } from '../record/action-view.js';
import type { Record as ActionRecord } from '../record/record.js';

/** Actions without a receipt. */
export interface OpenActions {
  views: ActionView[];
  /** Ids of actions whose statements do not verify. */
  unreadable: string[];
  /** Whether there are more than were looked at. */
  truncated: boolean;
}

/** As many as one look takes; agents' quotas keep the number of open actions far below. */
const MOST = 500;

/** The newest open actions, as they stand. */
export async function readOpenActions(
  record: Pick<ActionRecord, 'listActions' | 'ofActions'>,
  most = MOST,
): Promise<OpenActions> {
  const ids = await record.listActions({ open: true, limit: most });
  const views: ActionView[] = [];
  const unreadable: string[] = [];
  for (const [index, statements] of (await record.ofActions(ids)).entries()) {
    // One tampered action must not hide the others.
    const view = statements instanceof Refusal ? undefined : viewAction(statements);
    if (statements instanceof Refusal) unreadable.push(ids[index] ?? '');
    else if (view !== undefined) views.push(view);
  }
  return { views, unreadable, truncated: ids.length === most };
}
