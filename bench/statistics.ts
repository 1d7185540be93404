/** A set of measurements in milliseconds. */
export interface Summary {
  count: number;
  median: number;
  p95: number;
}

/** Median and 95th percentile, by nearest rank. @throws Error for no measurements: a median of nothing would look like 0. */
export function summarise(samples: readonly number[]): Summary {
  return { count: samples.length, median: percentile(samples, 50), p95: percentile(samples, 95) };
}

/** By nearest rank; of an even number the lower middle one is the median. */
function percentile(samples: readonly number[], percent: number): number {
  const sorted = [...samples].sort((one, other) => one - other);
  const value = sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)];
  if (value === undefined) throw new Error('percentile: there are no measurements');
  return value;
}
