import type { Changes } from '../../record/changes.js';
import type { Record as ActionRecord } from '../../record/record.js';
import { readOpenActions, type OpenActions } from '../open-actions.js';

export interface QueueFeed {
  /** Tells the open actions soon, and whenever one of them may have changed. @returns how to stop. */
  follow(listener: (open: OpenActions) => void): () => void;
}

/** Looks are this far apart at least, however much changes. */
const PAUSE_MS = 500;

/** One look at the open actions for all who follow their queue; none while nobody does. */
export function createQueueFeed(record: Pick<ActionRecord, 'listActions' | 'ofActions'>, changes: Changes): QueueFeed {
  const listeners = new Set<(open: OpenActions) => void>();
  const state = { isLooking: false, isStale: false };
  let coming: NodeJS.Timeout | null = null;

  const look = async (): Promise<void> => {
    state.isLooking = true;
    state.isStale = false;
    // What cannot be read now is told of by the next change.
    const open = await readOpenActions(record).catch(() => null);
    state.isLooking = false;
    if (open !== null) for (const listener of [...listeners]) listener(open);
    if (wasToldMeanwhile()) lookAfter(PAUSE_MS);
  };
  const wasToldMeanwhile = (): boolean => state.isStale;
  const lookAfter = (pauseMs: number): void => {
    state.isStale = true;
    if (state.isLooking || coming !== null || listeners.size === 0) return;
    coming = setTimeout(() => {
      coming = null;
      void look();
    }, pauseMs);
    coming.unref();
  };
  changes.subscribe((change) => {
    if (change.kind === 'action' || change.kind === 'any') lookAfter(PAUSE_MS);
  });

  return {
    follow(listener) {
      listeners.add(listener);
      lookAfter(0);
      return () => listeners.delete(listener);
    },
  };
}
