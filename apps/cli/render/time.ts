const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A span in its two largest units: `2 h 5 min`. Less than nothing is `0 s`. */
export function span(ms: number): string {
  if (ms >= DAY_MS) return units(ms, [DAY_MS, 'd'], [HOUR_MS, 'h']);
  if (ms >= HOUR_MS) return units(ms, [HOUR_MS, 'h'], [MINUTE_MS, 'min']);
  if (ms >= MINUTE_MS) return units(ms, [MINUTE_MS, 'min'], [SECOND_MS, 's']);
  return `${String(Math.max(0, Math.floor(ms / SECOND_MS)))} s`;
}

function units(ms: number, [large, largeName]: [number, string], [small, smallName]: [number, string]): string {
  const rest = Math.floor((ms % large) / small);
  const first = `${String(Math.floor(ms / large))} ${largeName}`;
  return rest === 0 ? first : `${first} ${String(rest)} ${smallName}`;
}

/** `in 2 h 5 min`, `3 min ago`. */
export function relative(atMs: number, nowMs: number): string {
  return atMs >= nowMs ? `in ${span(atMs - nowMs)}` : `${span(nowMs - atMs)} ago`;
}

/** ISO 8601 in UTC, to the second: the same on every machine. */
export function instant(atMs: number): string {
  return new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z');
}
