import { z } from 'zod';
import { nameSchema } from '../../core/schemas/primitives.js';

/** Limits on what one export may ask for; each is refused by name when it is exceeded. */
export const EXPORT_LIMITS = {
  queryChars: 20_000,
  parameters: 100,
  /** All parameters together, as JSON: people must be able to read them. */
  parametersChars: 20_000,
  /** The default and the highest value of `maxRows`. */
  rows: 1_000_000,
} as const;

const parameterSchema = z.union([z.string(), z.number(), z.boolean(), z.null()]);

/** What an agent asks for: one SELECT on one target, into one file. */
export const paramsSchema = z.strictObject({
  target: nameSchema,
  query: z.string().min(1).max(EXPORT_LIMITS.queryChars),
  /** Bound by the server as $1, $2 …; never put into the text. */
  parameters: z
    .array(parameterSchema)
    .max(EXPORT_LIMITS.parameters)
    .refine((values) => JSON.stringify(values).length <= EXPORT_LIMITS.parametersChars, {
      error: `must be at most ${String(EXPORT_LIMITS.parametersChars)} characters as JSON`,
    })
    .refine((values) => !values.some((value) => typeof value === 'string' && value.includes('\0')), {
      error: 'must not hold NUL characters, which PostgreSQL cannot store',
    })
    .optional(),
  format: z.enum(['csv', 'ndjson']),
  /** A query that yields more rows fails and leaves no file: nothing is cut off silently. Default 1,000,000. */
  maxRows: z.int().min(1).max(EXPORT_LIMITS.rows).optional(),
});
export type DatabaseExportParams = z.infer<typeof paramsSchema>;
