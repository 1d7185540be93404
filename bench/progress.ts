/** Tells on stderr what is being done, so that stdout holds the results only. */
export interface Progress {
  /** Since the benchmark began. */
  elapsedMs(): number;
  step<T>(title: string, work: () => Promise<T>): Promise<T>;
}

const REMIND_MS = 10_000;

export function createProgress(): Progress {
  const beganAtMs = performance.now();
  const elapsedMs = (): number => performance.now() - beganAtMs;
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  return {
    elapsedMs,
    async step(title, work) {
      const stepBeganAtMs = performance.now();
      const seconds = (): string => ((performance.now() - stepBeganAtMs) / 1_000).toFixed(1);
      say(`  ${title} …`);
      const reminder = setInterval(() => {
        say(`  ${title}: ${seconds()} s so far`);
      }, REMIND_MS);
      try {
        return await work();
      } finally {
        clearInterval(reminder);
        say(`  ${title}: ${seconds()} s`);
      }
    },
  };
}
