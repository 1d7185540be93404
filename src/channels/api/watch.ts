import { setTimeout as pause } from 'node:timers/promises';
import { viewAction, type ActionView } from '../../record/action-view.js';
import type { AnyRecorded, Record as ActionRecord } from '../../record/record.js';

/** An action as it stands, and the name of that standing. */
export interface Standing {
  revision: string;
  view: ActionView;
}

/** Looks at actions, and tells when one changes. */
export interface Watch {
  /** Undefined when no request is on record. */
  look(actionId: string): Promise<Standing | undefined>;
  /** Until the action is not at `revision`, or nothing more will come, or the signal: then as it stands. */
  change(actionId: string, revision: string, signal: AbortSignal): Promise<Standing | undefined>;
}

const POLL_PAUSE_MS = 250;

/** Everyone who waits for the same action shares one look at the record every quarter of a second. */
export function createWatch(record: ActionRecord): Watch {
  const looks = new Map<string, Promise<Standing | undefined>>();

  const look = async (actionId: string): Promise<Standing | undefined> => standingOf(await record.ofAction(actionId));

  const nextLook = (actionId: string): Promise<Standing | undefined> => {
    const coming = looks.get(actionId);
    if (coming !== undefined) return coming;
    const next = pause(POLL_PAUSE_MS)
      .then(() => look(actionId))
      .finally(() => looks.delete(actionId));
    looks.set(actionId, next);
    return next;
  };

  return {
    look,
    async change(actionId, revision, signal) {
      let standing = await look(actionId);
      while (standing?.revision === revision && !isSettled(standing.view) && !signal.aborted) {
        standing = await nextLook(actionId);
      }
      return standing;
    },
  };
}

function standingOf(statements: readonly AnyRecorded[]): Standing | undefined {
  const view = viewAction(statements);
  const revision = String(statements.at(-1)?.sequence ?? 0);
  return view === undefined ? undefined : { revision, view };
}

function isSettled(view: ActionView): boolean {
  // An open lease brings a closing receipt.
  return view.state === 'done' && view.lease !== 'open';
}
