import { viewAction, type ActionView } from '../../record/action-view.js';
import type { Changes } from '../../record/changes.js';
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
  /** Tells the action's standing whenever it may have changed, from now on. @returns how to stop. */
  follow(actionId: string, listener: (standing: Standing | undefined) => void): () => void;
}

/** Those who follow one action; they share each look at the record. */
interface Followers {
  listeners: Set<(standing: Standing | undefined) => void>;
  isLooking: boolean;
  /** Whether something may have changed since the look that is under way began. */
  isStale: boolean;
}

/** Looks when the record tells of a change. */
export function createWatch(record: Pick<ActionRecord, 'ofAction'>, changes: Changes): Watch {
  const followed = new Map<string, Followers>();

  const look = async (actionId: string): Promise<Standing | undefined> => standingOf(await record.ofAction(actionId));

  const lookAgain = async (actionId: string, followers: Followers): Promise<void> => {
    followers.isStale = true;
    if (followers.isLooking) return;
    followers.isLooking = true;
    while (followers.isStale && followers.listeners.size > 0) {
      followers.isStale = false;
      // What cannot be read now is told of by the next change; whoever waits asks again.
      const found = await look(actionId).then(
        (standing) => ({ standing }),
        () => null,
      );
      if (found !== null) for (const listener of [...followers.listeners]) listener(found.standing);
    }
    followers.isLooking = false;
  };

  changes.subscribe((change) => {
    if (change.kind !== 'action' && change.kind !== 'any') return;
    for (const [actionId, followers] of followed)
      if (change.kind === 'any' || change.actionId === actionId) void lookAgain(actionId, followers);
  });

  const follow: Watch['follow'] = (actionId, listener) => {
    const followers = followed.get(actionId) ?? { listeners: new Set(), isLooking: false, isStale: false };
    followed.set(actionId, followers);
    followers.listeners.add(listener);
    return () => {
      followers.listeners.delete(listener);
      if (followers.listeners.size === 0 && followed.get(actionId) === followers) followed.delete(actionId);
    };
  };

  return {
    look,
    follow,
    async change(actionId, revision, signal) {
      let stop = (): void => undefined;
      const changed = new Promise<void>((resolve) => {
        const isOver = (standing: Standing | undefined): boolean =>
          standing?.revision !== revision || isSettled(standing.view);
        // Before the look, so that nothing falls between the two.
        stop = follow(actionId, (standing) => {
          if (isOver(standing)) resolve();
        });
        if (signal.aborted) resolve();
        signal.addEventListener('abort', () => {
          resolve();
        });
      });
      try {
        const now = await look(actionId);
        if (now?.revision !== revision || isSettled(now.view)) return now;
        await changed;
        return await look(actionId);
      } finally {
        stop();
      }
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
