import { z } from 'zod';
import { digestSchema, nameSchema } from '../../core/schemas/primitives.js';

/** What an author asks for: that the bundle of this digest be in force after the one before it. */
export const paramsSchema = z.strictObject({
  /** Name of the policy store, as `targets.yaml` lists it. */
  target: nameSchema,
  /** Number of the new bundle: that of the one in force, and one more. */
  number: z.int().min(2).max(1_000_000),
  /** Digest of the bundle in force. */
  previous: digestSchema,
  /** Digest of the new bundle, as `countersign policy digest` prints it. */
  digest: digestSchema,
  /** SHA-256 of the packed bundle, which was uploaded before. */
  content: digestSchema,
});
export type PolicyChangeParams = z.infer<typeof paramsSchema>;
