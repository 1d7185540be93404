import { z } from 'zod';
import { assuranceConfigSchema } from './assurance.js';
import { commonConfigSchema } from './common.js';
import { hostConfigSchema } from './host.js';

/** Settings of an executor. */
export const executorConfigSchema = commonConfigSchema
  .extend(hostConfigSchema.shape)
  .extend(assuranceConfigSchema.shape)
  .extend({
    COUNTERSIGN_RETENTION_HOURS: z.coerce
      .number()
      .positive()
      .max(24 * 365)
      .default(24)
      .describe('How long outputs can be fetched.'),
    COUNTERSIGN_MAX_CONCURRENT_ACTIONS: z.coerce
      .number()
      .int()
      .min(1)
      .max(200)
      .default(20)
      .describe('How many actions one executor runs at the same time.'),
  });
export type ExecutorConfig = z.infer<typeof executorConfigSchema>;
