import { setTimeout as delay } from 'node:timers/promises';
import { ServiceFault } from '../core/errors.js';
import type { ActionView } from '../record/action-view.js';
import type { GatewayApi } from './api.js';

/** How to wait for an action's end. */
export interface WaitOptions {
  /** Milliseconds after which to give up. Default: none. */
  timeoutMs?: number;
  /** Called with every state of the action that was seen, the first one included. */
  onChange?(action: ActionView): void;
  /** Called when the gateway could not be reached; the wait goes on. */
  onInterrupted?(fault: ServiceFault): void;
  signal?: AbortSignal;
}

/** The action had not ended when the time was over. It goes on by itself; wait again when you like. */
export class WaitTimedOut extends Error {
  override readonly name = 'WaitTimedOut';
  readonly actionId: string;
  /** As last seen; null when it never was. */
  readonly action: ActionView | null;

  constructor(actionId: string, action: ActionView | null) {
    super(`Action ${actionId} has not ended yet.`);
    this.actionId = actionId;
    this.action = action;
  }
}

/** Longest single poll: proxies commonly cut off silent connections after 60 s. */
const POLL_SECONDS = 50;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 15_000;

/**
 * Waits until an action has ended, by long polls, for weeks if need be: while the gateway is away it asks again, after
 * pauses that double up to 15 s.
 * @throws WaitTimedOut when `timeoutMs` is over.
 * @throws Refusal when the gateway will not tell (e.g. `action_unknown`, `unauthenticated`).
 */
export async function waitForEnd(api: GatewayApi, actionId: string, options: WaitOptions = {}): Promise<ActionView> {
  const deadlineMs = options.timeoutMs === undefined ? Infinity : performance.now() + options.timeoutMs;
  let sinceRevision: string | undefined;
  let last: ActionView | null = null;
  let pauseMs = FIRST_PAUSE_MS;
  for (;;) {
    const leftMs = deadlineMs - performance.now();
    if (leftMs <= 0) throw new WaitTimedOut(actionId, last);
    const pause = async (): Promise<void> => {
      await delay(Math.min(pauseMs, leftMs), undefined, { ...(options.signal && { signal: options.signal }) });
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    };
    try {
      const timeoutSeconds = Math.max(1, Math.min(POLL_SECONDS, Math.ceil(leftMs / 1_000)));
      const askedAtMs = performance.now();
      const answer = await api.poll(actionId, {
        timeoutSeconds,
        ...(sinceRevision !== undefined && { sinceRevision }),
        ...(options.signal && { signal: options.signal }),
      });
      last = answer.action;
      if (answer.revision !== sinceRevision) options.onChange?.(answer.action);
      if (answer.action.state === 'done') return answer.action;
      // A gateway that is shutting down may answer early without news: do not spin on it.
      if (answer.revision === sinceRevision && performance.now() - askedAtMs < 1_000) await pause();
      else pauseMs = FIRST_PAUSE_MS;
      sinceRevision = answer.revision;
    } catch (error) {
      if (!(error instanceof ServiceFault && error.temporary)) throw error;
      options.onInterrupted?.(error);
      await pause();
    }
  }
}
