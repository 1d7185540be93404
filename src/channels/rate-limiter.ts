/** How much one source may do: `burst` at once, then `perMinute`; of so many sources something is remembered. */
export interface Rate {
  burst: number;
  perMinute: number;
  sources: number;
}

/** Counts by source; in memory, so each gateway for itself. */
export interface RateLimiter {
  /** Whether the source may once more, and counts it. */
  take(source: string): boolean;
}

export function createRateLimiter(rate: Rate, clock: () => number): RateLimiter {
  const buckets = new Map<string, { tokens: number; atMs: number }>();
  return {
    take(source) {
      const nowMs = clock();
      const before = buckets.get(source) ?? { tokens: rate.burst, atMs: nowMs };
      const refilled = before.tokens + ((nowMs - before.atMs) / 60_000) * rate.perMinute;
      const tokens = Math.min(rate.burst, refilled);
      // Set anew, so that the source heard of longest ago is the first to be forgotten.
      buckets.delete(source);
      buckets.set(source, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs });
      const [oldest] = buckets.keys();
      if (buckets.size > rate.sources && oldest !== undefined) buckets.delete(oldest);
      return tokens >= 1;
    },
  };
}
