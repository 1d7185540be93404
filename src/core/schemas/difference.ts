import { z } from 'zod';
import { flagSchema } from './action.js';

/**
 * Largest difference that is put on record, as JSON in UTF-8: a plan must fit into one envelope with all else in it.
 * What is shown now is on record whole beside it.
 */
export const DIFFERENCE_BYTES = { items: 40_000, content: 40_000 } as const;

/** What would happen now against what people were shown in the round before. */
export const differenceSchema = z.strictObject({
  /** What policy demands otherwise than before; absent where that is the same. */
  plan: z
    .array(z.strictObject({ label: z.string().max(80), before: z.string().max(2_000), now: z.string().max(2_000) }))
    .min(1)
    .max(10)
    .optional(),
  /** Null where the fact was not there. */
  facts: z
    .array(
      z.strictObject({
        label: z.string().max(80),
        before: z.string().max(2_000).nullable(),
        now: z.string().max(2_000).nullable(),
      }),
    )
    .max(81),
  flagsAdded: z.array(flagSchema).max(51),
  flagsGone: z.array(flagSchema).max(51),
  /** How many facts and flags differ beyond these. */
  itemsLeftOut: z.int().nonnegative(),
  /** Unified diff of the executable contents, without its heading; null when they are the same. */
  content: z.string().max(DIFFERENCE_BYTES.content).nullable(),
  contentLinesLeftOut: z.int().nonnegative(),
});
export type Difference = z.infer<typeof differenceSchema>;
