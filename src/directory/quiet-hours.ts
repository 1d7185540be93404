import { z } from 'zod';
import { isWithinSpan, timeOfDaySchema, timeZoneSchema, wallClock } from './wall-clock.js';

/** When a person is not reminded, by the wall clock where they are. `from` after `to` means across midnight. */
export const quietHoursSchema = z
  .strictObject({ timeZone: timeZoneSchema, from: timeOfDaySchema, to: timeOfDaySchema })
  .refine(({ from, to }) => from !== to, 'must end at another time of day than they begin');
type QuietHours = z.infer<typeof quietHoursSchema>;

/** @param hours of a person; undefined: they have none. */
export function isQuietAt(hours: QuietHours | undefined, atMs: number): boolean {
  return hours !== undefined && isWithinSpan(hours, wallClock(atMs, hours.timeZone));
}
