import { z } from 'zod';
import { digestSchema, timeMsSchema } from './primitives.js';

/** What is kept of an action that has ended, in the content store: the workflow's history and the policy that it was judged by. */
export const archiveBodySchema = z.strictObject({
  /** One for each run, oldest first: a reset makes another. Empty where Temporal no longer had any; of more than fit, the newest. */
  histories: z
    .array(
      z.strictObject({
        runId: z.string().max(100),
        /** Of the history as JSON, with its payloads decrypted. */
        sha256: digestSchema,
        bytes: z.int().nonnegative(),
        events: z.int().nonnegative(),
        /** False when it was too large to be kept: then its digest alone is. */
        kept: z.boolean(),
      }),
    )
    .max(20),
  /** The policy bundles that its plans name, as far as the notary had them, and the one in force at the end. */
  policies: z
    .array(
      z.strictObject({
        digest: digestSchema,
        /** Of what is kept: the canonical JSON of `{digest, files}`. */
        sha256: digestSchema,
      }),
    )
    .max(50),
  archivedAtMs: timeMsSchema,
});
