import { ServiceFault } from '../../core/errors.js';

/** Waits so many milliseconds. */
export type Pause = (ms: number) => Promise<void>;

/** Chats take a post or a few in a second: one behind another waits that long here, not by Temporal's retry. */
const PAUSES = 5;
const LONGEST_PAUSE_MS = 2_000;

/** Repeats an attempt that is told to wait a moment. */
export async function patiently(attempt: () => Promise<void>, pause: Pause): Promise<void> {
  for (let count = 1; ; count += 1) {
    try {
      await attempt();
      return;
    } catch (error) {
      const waitMs = error instanceof ServiceFault ? error.retryAfterMs : null;
      if (waitMs === null || waitMs > LONGEST_PAUSE_MS || count === PAUSES) throw error;
      await pause(waitMs);
    }
  }
}
