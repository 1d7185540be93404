import { Context } from '@temporalio/activity';
import type { JsonObject } from '../src/core/json.js';

/** How far an activity is: its heartbeat details, which Temporal's UI shows while it is pending. Never a secret, nor an accessor. */
export interface Standing {
  /** `none`: what was asked is judged; `leasing`: it was found good (for an effect: claimed), and Vault is asked. */
  lease?: 'none' | 'leasing' | 'open' | 'revoking' | 'revoked';
  /** Since when, ISO 8601. */
  since?: string;
  effect?: 'begun';
  /** The operation's own words and numbers. */
  done?: JsonObject;
}

// Keyed as the SDK's own context is: by attempt.
const standings = new WeakMap<Context, Standing>();

/**
 * Heartbeats while `body` runs, so that a dead process is noticed and a cancellation reaches a living one.
 * @param standing told with each heartbeat, as `tellStanding` has changed it by then
 */
export async function heartbeating<T>(intervalMs: number, body: () => Promise<T>, standing?: Standing): Promise<T> {
  const context = Context.current();
  if (standing !== undefined) standings.set(context, standing);
  const timer = setInterval(() => {
    context.heartbeat(standings.get(context));
  }, intervalMs);
  try {
    return await body();
  } finally {
    clearInterval(timer);
  }
}

/** Changes what the next heartbeat of the running activity tells; an activity that is quick enough has none. */
export function tellStanding(change: Standing): void {
  const context = Context.current();
  standings.set(context, { ...standings.get(context), ...change });
}
