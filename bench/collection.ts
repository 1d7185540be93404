/** How often a weighed worker collects the garbage of each of its threads. */
export const COLLECT_EVERY_MS = 1_000;
