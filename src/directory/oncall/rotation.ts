import { z } from 'zod';
import { nameSchema } from '../../core/schemas/primitives.js';
import { crossesMidnight, isWithinSpan, timeOfDay, timeOfDaySchema, timeZoneSchema, wallClock } from '../wall-clock.js';
import type { OnCallProblem, OnCallSource } from './source.js';

const HOUR_MS = 3_600_000;
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

const layerSchema = z.strictObject({
  /** In the order in which they take over. */
  people: z.array(nameSchema).min(1).max(100),
  timeZone: timeZoneSchema,
  /** When the first of them begins, on the wall clock of the time zone. */
  begins: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/, 'must be a local time such as 2026-01-05T09:00')
    .refine((text) => !Number.isNaN(Date.parse(`${text}Z`)), 'is not a date of the calendar'),
  /** Hand-over to the next one, by the wall clock: hours (`12h`) or days (`7d`). */
  every: z.string().regex(/^([1-9]\d?h|[1-9]\d?d)$/, 'must be hours or days such as 12h or 7d'),
  /** When this layer counts at all; left out: always. `from` after `to` means across midnight. */
  only: z
    .strictObject({ days: z.array(z.enum(DAYS)).min(1).max(7).optional(), from: timeOfDaySchema, to: timeOfDaySchema })
    .optional(),
});
type Layer = z.infer<typeof layerSchema>;

const settingsSchema = z.strictObject({
  kind: z.literal('rotation'),
  /** A later layer goes before an earlier one. */
  layers: z.array(layerSchema).min(1).max(10),
  /** Go before all layers; the last that holds counts. */
  overrides: z
    .array(
      z.strictObject({
        person: nameSchema,
        from: z.iso.datetime({ offset: true }),
        until: z.iso.datetime({ offset: true }),
      }),
    )
    .max(200)
    .default([]),
});
type Settings = z.infer<typeof settingsSchema>;

/** A rotation that stands in the directory itself. */
export const onCallSource: OnCallSource<Settings> = {
  kind: 'rotation',
  schema: settingsSchema,
  findProblems(settings, members) {
    const strangers = (people: readonly string[], field: (index: number) => PropertyKey[]): OnCallProblem[] =>
      people.flatMap((person, index) =>
        members.has(person)
          ? []
          : [
              {
                field: field(index),
                message: `"${person}" is not in this group: only its people can be on call for it`,
              },
            ],
      );
    return [
      ...settings.layers.flatMap(({ people }, layer) =>
        strangers(people, (index) => ['layers', layer, 'people', index]),
      ),
      ...strangers(
        settings.overrides.map(({ person }) => person),
        (index) => ['overrides', index, 'person'],
      ),
      ...settings.overrides.flatMap(({ from, until }, index) =>
        Date.parse(from) < Date.parse(until)
          ? []
          : [{ field: ['overrides', index, 'until'], message: 'an override must end after it begins' }],
      ),
    ];
  },
  whoIsOnCall: ({ layers, overrides }, { atMs }) => {
    const override = overrides.findLast(({ from, until }) => Date.parse(from) <= atMs && atMs < Date.parse(until));
    const person = override?.person ?? layers.map((layer) => personOf(layer, atMs)).findLast((name) => name !== null);
    return Promise.resolve(person == null ? [] : [{ person }]);
  },
};

/** Whose turn it is; null outside the layer's hours, and before it begins. */
function personOf({ people, timeZone, begins, every, only }: Layer, atMs: number): string | null {
  const wall = wallClock(atMs, timeZone);
  const since = wall - Date.parse(`${begins}Z`);
  if (since < 0 || (only !== undefined && !isWithin(only, wall))) return null;
  const period = Number(every.slice(0, -1)) * (every.endsWith('d') ? 24 * HOUR_MS : HOUR_MS);
  return people[Math.floor(since / period) % people.length] ?? null;
}

function isWithin({ days, from, to }: NonNullable<Layer['only']>, wall: number): boolean {
  if (!isWithinSpan({ from, to }, wall)) return false;
  if (days === undefined) return true;
  // The small hours belong to the day on which the span began.
  const began = crossesMidnight({ from, to }) && timeOfDay(wall) < to ? wall - 24 * HOUR_MS : wall;
  const day = DAYS[new Date(began).getUTCDay()];
  return day !== undefined && days.includes(day);
}
