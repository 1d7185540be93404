import { z } from 'zod';
import { commonConfigSchema } from './common.js';
import { hostConfigSchema } from './host.js';
import { slackConfigSchema } from './slack.js';

/** Settings of the notary. */
export const notaryConfigSchema = commonConfigSchema
  .extend(slackConfigSchema.shape)
  .extend(hostConfigSchema.shape)
  .extend({
    COUNTERSIGN_SWEEP_SECONDS: z.coerce
      .number()
      .int()
      .min(1)
      .max(60)
      .default(20)
      .describe('How often leases are compared with live runs.'),
  });
export type NotaryConfig = z.infer<typeof notaryConfigSchema>;
