import { z } from 'zod';
import { commonConfigSchema } from './common.js';
import { hostConfigSchema } from './host.js';
import { CONTENT_KEPT_DAYS } from '../record/postgres/content-retention-table.js';
import { onCallConfigSchema } from './on-call.js';
import { slackConfigSchema } from './slack.js';
import { teamsConfigSchema } from './teams.js';
import { webhooksConfigSchema } from './webhooks.js';

/** Settings of the notary. */
export const notaryConfigSchema = commonConfigSchema
  .extend(slackConfigSchema.shape)
  .extend(teamsConfigSchema.shape)
  .extend(onCallConfigSchema.shape)
  .extend(webhooksConfigSchema.shape)
  .extend(hostConfigSchema.shape)
  .extend({
    COUNTERSIGN_SWEEP_SECONDS: z.coerce
      .number()
      .int()
      .min(1)
      .max(60)
      .default(20)
      .describe('How often leases are compared with live runs.'),
    COUNTERSIGN_CONTENT_RETENTION_DAYS: z.coerce
      .number()
      .int()
      .min(CONTENT_KEPT_DAYS)
      .max(36_500)
      .default(400)
      .describe(
        "How long the content store keeps agents' logs, plan files and sources after they were last sent or planned with. What " +
          'an open action names is kept longer. Their digests stay on record; set this to as long as evidence must be kept.',
      ),
    COUNTERSIGN_WEBHOOK_RETENTION_DAYS: z.coerce
      .number()
      .int()
      .min(7)
      .max(3_650)
      .default(30)
      .describe('How long the log of webhook deliveries is kept; the notary removes what is older.'),
  });
export type NotaryConfig = z.infer<typeof notaryConfigSchema>;
