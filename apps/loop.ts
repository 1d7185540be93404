/** Runs `pass` at each interval, never two at once: while one goes on, intervals pass without another. */
export function loopEvery(
  intervalMs: number,
  pass: () => Promise<unknown>,
  onFault: (error: unknown) => void,
): { stop(): Promise<void> } {
  let running: Promise<unknown> | null = null;
  const timer = setInterval(() => {
    // Not in a queue: after an outage the passes that it held up would all follow each other.
    running ??= pass()
      .catch(onFault)
      .finally(() => {
        running = null;
      });
  }, intervalMs);
  return {
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
