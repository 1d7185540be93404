import { z } from 'zod';

/** `HH:MM`. */
export const timeOfDaySchema = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time of day such as 09:00');

/** An IANA time zone. */
export const timeZoneSchema = z.string().max(64).refine(isTimeZone, 'must be an IANA time zone such as Europe/Berlin');

/** The wall clock of a time zone, written as if it were UTC: people live by it, summer time or not. */
export function wallClock(atMs: number, timeZone: string): number {
  const text = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' }).format(atMs);
  return Date.parse(`${text.replace(' ', 'T')}Z`);
}

/** A span of the day, `from` included and `to` not. `from` at or after `to` means across midnight. */
export interface DaySpan {
  from: string;
  to: string;
}

/** @param wall as `wallClock` gives it. */
export function isWithinSpan({ from, to }: DaySpan, wall: number): boolean {
  const now = timeOfDay(wall);
  return crossesMidnight({ from, to }) ? now >= from || now < to : now >= from && now < to;
}

export function crossesMidnight({ from, to }: DaySpan): boolean {
  return from >= to;
}

/** @param wall as `wallClock` gives it. */
export function timeOfDay(wall: number): string {
  return new Date(wall).toISOString().slice(11, 16);
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
