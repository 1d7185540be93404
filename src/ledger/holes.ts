/**
 * Places of the record's order that were empty when what is behind them was sequenced: a transaction may still be under
 * way that fills one, or it failed and none ever will.
 */
export interface Holes {
  /** The highest place that was looked at. */
  high(): number;
  all(): readonly number[];
  /** Takes note of the places that are filled now; what is empty between them and the highest before is a hole. */
  fill(sequences: readonly number[], nowMs: number): void;
  /** Further places to look at. */
  add(sequences: readonly number[], nowMs: number): void;
}

// Our own transactions last 15 seconds at most. What is later than this, the next check of all rows finds.
const PATIENCE_MS = 600_000;
// A database that was restarted, or given another sequence, may leave out thousands at once.
const MAX_HOLES = 10_000;

export function createHoles(high: number): Holes {
  const since = new Map<number, number>();
  let highest = high;
  const add = (sequences: readonly number[], nowMs: number): void => {
    for (const sequence of sequences) since.set(sequence, nowMs);
  };
  const forget = (nowMs: number): void => {
    for (const [sequence, atMs] of since) {
      if (since.size <= MAX_HOLES && nowMs - atMs < PATIENCE_MS) return;
      since.delete(sequence);
    }
  };
  return {
    high: () => highest,
    all: () => [...since.keys()],
    add,
    fill(sequences, nowMs) {
      for (const sequence of sequences) {
        since.delete(sequence);
        const first = Math.max(highest + 1, sequence - MAX_HOLES);
        for (let empty = first; empty < sequence; empty += 1) since.set(empty, nowMs);
        highest = Math.max(highest, sequence);
      }
      forget(nowMs);
    },
  };
}
