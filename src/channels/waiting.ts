import type { ActionView } from '../record/action-view.js';
import { Refusal } from '../core/errors.js';
import type { Record as ActionRecord } from '../record/record.js';
import type { Policy } from '../policy/policy.js';
import { checkApprover } from './approver-check.js';
import { isDecidable } from './message/layout.js';
import { readOpenActions } from './open-actions.js';

/** Open actions that are looked at, newest first. */
const LOOKED_AT = 200;

/** What waits for a person. */
export interface Waiting {
  /** Soonest expiry first. */
  views: ActionView[];
  /** There are more open actions than were looked at. */
  isCut: boolean;
}

export interface WaitingOptions {
  record: Pick<ActionRecord, 'listActions' | 'ofActions'>;
  policy: () => Policy;
  clock: () => number;
}

/** The open actions that this person could decide on now. */
export async function waitingFor(person: string, options: WaitingOptions): Promise<Waiting> {
  return (await readWaiting(options))(person);
}

/** Reads the open actions once; the answer tells what of them waits for a person. */
export async function readWaiting(options: WaitingOptions): Promise<(person: string) => Waiting> {
  const { record, policy } = options;
  const { views, truncated } = await readOpenActions(record, LOOKED_AT);
  const open = views.filter(isDecidable).sort((one, other) => one.expiresAtMs - other.expiresAtMs);
  return (person) => {
    const human = policy().directory.canonical(person);
    return { views: open.filter((view) => waitsFor(view, human, options)), isCut: truncated };
  };
}

/** Judged as an approval would be judged now. */
function waitsFor(view: ActionView, person: string, options: WaitingOptions): boolean {
  const hasDecided = view.decisions.some((decision) => decision.current && decision.person === person);
  if (hasDecided) return false;
  try {
    checkApprover({ view, person, decision: 'approve' }, options);
    return true;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}
