/** Runs `pass` again and again, never two at once. */
export function loopEvery(
  intervalMs: number,
  pass: () => Promise<unknown>,
  onFault: (error: unknown) => void,
): { stop(): Promise<void> } {
  let stopped = false;
  let running: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    running = running.then(() => (stopped ? undefined : pass())).catch(onFault);
  }, intervalMs);
  return {
    async stop() {
      stopped = true;
      clearInterval(timer);
      await running;
    },
  };
}
