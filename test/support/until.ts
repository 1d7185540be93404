import { setTimeout } from 'node:timers/promises';

/** Waits for a condition, asking again and again; throws when it does not hold in time. */
export async function until(condition: () => Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline)
      throw new Error(
        `The condition did not hold within ${String(timeoutMs)} ms: ${condition.toString().slice(0, 200)}`,
      );
    await setTimeout(50);
  }
}
