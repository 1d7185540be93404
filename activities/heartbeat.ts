import { Context } from '@temporalio/activity';

/** Heartbeats while `body` runs, so that a dead process is noticed and a cancellation reaches a living one. */
export async function heartbeating<T>(intervalMs: number, body: () => Promise<T>): Promise<T> {
  const context = Context.current();
  const timer = setInterval(() => {
    context.heartbeat();
  }, intervalMs);
  try {
    return await body();
  } finally {
    clearInterval(timer);
  }
}
