import { z } from 'zod';
import { nameSchema } from '../core/schemas/primitives.js';
import type { Problem, YamlSource } from './yaml-source.js';

/** The configured place of each channel: where actions are shown whose policy names no place. */
export const DEFAULT_PLACE = 'default';
/** A direct message to each person who may decide. */
export const DIRECT_PLACE = 'direct';

/** Names that every bundle has. */
export const RESERVED_PLACES: readonly string[] = [DEFAULT_PLACE, DIRECT_PLACE];

/** Where a named place is in each channel that has it. */
export const placeSchema = z.strictObject({
  /** Id of a Slack channel, public or private. */
  slack: z
    .string()
    .regex(/^[CG][A-Z0-9]{1,31}$/, 'must be the id of a Slack channel, e.g. C0123ABCDEF')
    .optional(),
  /** Id of a Teams conversation. */
  teams: z
    .string()
    .regex(/^19:[\x21-\x7e]{1,190}$/, 'must be the id of a Teams conversation, e.g. 19:…@thread.tacv2')
    .optional(),
});
export type Place = z.infer<typeof placeSchema>;

/** `places` of `directory.yaml`. */
export const placesSchema = z
  .record(nameSchema, placeSchema)
  .refine((places) => Object.keys(places).length <= 100, 'are more than 100')
  .default({});

/** What is wrong with the places of a directory file. */
export function checkPlaces(
  places: Readonly<Record<string, Place>>,
  yaml: Pick<YamlSource<unknown>, 'problem'>,
): Problem[] {
  return Object.entries(places).flatMap(([name, place]) => {
    const path = ['places', name];
    if (RESERVED_PLACES.includes(name))
      return [yaml.problem(path, `place "${name}" has a name that Countersign itself gives a meaning: take another`)];
    if (Object.values(place).some((address) => address !== undefined)) return [];
    return [yaml.problem(path, `place "${name}" is nowhere: give it an address in a channel, e.g. slack: C0123ABCDEF`)];
  });
}
