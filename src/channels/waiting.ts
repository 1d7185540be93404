import { viewAction, type ActionView } from '../record/action-view.js';
import { Refusal } from '../core/errors.js';
import type { Record as ActionRecord } from '../record/record.js';
import type { Policy } from '../policy/policy.js';
import { checkApprover } from './approver-check.js';
import { isDecidable } from './message/layout.js';

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
  record: Pick<ActionRecord, 'listActions' | 'ofAction'>;
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
  const ids = await record.listActions({ open: true, limit: LOOKED_AT });
  const open: ActionView[] = [];
  for (const actionId of ids) {
    const view = await readable(actionId, record);
    if (view !== undefined && isDecidable(view)) open.push(view);
  }
  open.sort((one, other) => one.expiresAtMs - other.expiresAtMs);
  return (person) => {
    const human = policy().directory.canonical(person);
    return { views: open.filter((view) => waitsFor(view, human, options)), isCut: ids.length === LOOKED_AT };
  };
}

/** One tampered action must not hide the others. */
async function readable(actionId: string, record: Pick<ActionRecord, 'ofAction'>): Promise<ActionView | undefined> {
  try {
    return viewAction(await record.ofAction(actionId));
  } catch (error) {
    if (error instanceof Refusal && error.code === 'statement_invalid') return undefined;
    throw error;
  }
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
