const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A span in its two largest units: `2 h 5 min`. Less than nothing is `0 s`. */
export function span(ms: number): string {
  if (ms >= DAY_MS) return units(ms, [DAY_MS, 'd'], [HOUR_MS, 'h']);
  if (ms >= HOUR_MS) return units(ms, [HOUR_MS, 'h'], [MINUTE_MS, 'min']);
  if (ms >= MINUTE_MS) return units(ms, [MINUTE_MS, 'min'], [SECOND_MS, 's']);
  return `${Math.max(0, Math.floor(ms / SECOND_MS))} s`;
}

function units(ms: number, [large, largeName]: [number, string], [small, smallName]: [number, string]): string {
  const rest = Math.floor((ms % large) / small);
  const first = `${Math.floor(ms / large)} ${largeName}`;
  return rest === 0 ? first : `${first} ${rest} ${smallName}`;
}

/** `in 2 h 5 min`, `3 min ago`. From a minute on, without seconds. */
export function relative(atMs: number, nowMs: number): string {
  const away = Math.abs(atMs - nowMs);
  const words = span(away < MINUTE_MS ? away : away - (away % MINUTE_MS));
  if (atMs >= nowMs) return `in ${words}`;
  return away < 5 * SECOND_MS ? 'just now' : `${words} ago`;
}

const withDate = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  timeZoneName: 'short',
});
const withoutDate = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZoneName: 'short' });

/** In the reader's time zone, which it names: `23 Nov 2026, 02:41:07 CET`. */
export function absolute(atMs: number): string {
  return withDate.format(atMs);
}

/** The same day: `02:41 CET`; else with its date. */
export function clockTime(atMs: number, nowMs: number): string {
  const isSameDay = new Date(atMs).toDateString() === new Date(nowMs).toDateString();
  return isSameDay ? withoutDate.format(atMs) : absolute(atMs);
}
