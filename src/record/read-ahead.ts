import { setTimeout as pause } from 'node:timers/promises';
import type { Changes } from './changes.js';
import type { Record as ActionRecord } from './record.js';

export interface ReadAheadOptions {
  record: Pick<ActionRecord, 'ofAction'>;
  changes: Changes;
  /** How long to leave the machine to those who tell people of the plan. Default 0. */
  afterMs?: number;
}

/** What reads ahead, until it is stopped. */
export interface ReadAhead {
  /** Begins nothing more. @returns when what was being read is read. */
  stop(): Promise<void>;
}

// Who decides on one of so many at once waits for the others anyway; those beyond are read when they are asked for.
const MAX_WAITING = 32;

/**
 * Reads each action once when its plan is put on record, so that this process has verified its statements while people look
 * at it: who then decides on it or runs it pays for what was added since. One action at a time. Nothing hangs on it: what
 * cannot be read is told to whoever asks for it.
 */
export function readAhead({ record, changes, afterMs = 0 }: ReadAheadOptions): ReadAhead {
  const waiting = new Set<string>();
  let reading: Promise<void> | null = null;
  const readWaiting = async (): Promise<void> => {
    for (const actionId of waiting) {
      if (afterMs > 0) await pause(afterMs);
      // Stopped meanwhile.
      if (!waiting.delete(actionId)) break;
      await record.ofAction(actionId).catch(() => undefined);
    }
    reading = null;
  };
  const unsubscribe = changes.subscribe((change) => {
    if (change.kind !== 'plan' || waiting.size >= MAX_WAITING) return;
    waiting.add(change.actionId);
    reading ??= readWaiting();
  });
  return {
    async stop() {
      unsubscribe();
      waiting.clear();
      await reading;
    },
  };
}
