import { z } from 'zod';
import { commonConfigSchema } from './common.js';
import { hostConfigSchema } from './host.js';
import { CONTENT_KEPT_DAYS } from '../record/postgres/content-retention-table.js';
import { onCallConfigSchema } from './on-call.js';
import { siemConfigSchema } from './siem.js';
import { slackConfigSchema } from './slack.js';
import { teamsConfigSchema } from './teams.js';
import { webhooksConfigSchema } from './webhooks.js';

/** Settings of the notary. */
export const notaryConfigSchema = commonConfigSchema
  .extend(slackConfigSchema.shape)
  .extend(teamsConfigSchema.shape)
  .extend(onCallConfigSchema.shape)
  .extend(webhooksConfigSchema.shape)
  .extend(siemConfigSchema.shape)
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
    COUNTERSIGN_LEDGER_ORIGIN: z
      .string()
      .regex(/^[^\s+]{1,200}$/u, 'must have neither spaces nor a plus sign')
      .default('countersign.local/ledger')
      .describe(
        "The ledger's name, signed with each checkpoint: by custom where it is served, without the scheme, e.g. " +
          '`countersign.example.com/ledger`. Set it before the first action; a ledger never changes its name.',
      ),
    COUNTERSIGN_LEDGER_MIRROR_DIR: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Folder that gets a copy of the ledger, in its public layout: to be served from there, and to be kept where the ' +
          "database's administrators do not reach. What it holds is also what the ledger must go on from. Absent: no copy is kept.",
      ),
    COUNTERSIGN_LEDGER_CHECK_MINUTES: z.coerce
      .number()
      .int()
      .min(1)
      .max(10_080)
      .default(60)
      .describe('How often the whole ledger is compared with the rows of the record; once at start in any case.'),
    COUNTERSIGN_WEBHOOK_RETENTION_DAYS: z.coerce
      .number()
      .int()
      .min(7)
      .max(3_650)
      .default(30)
      .describe('How long the log of webhook deliveries is kept; the notary removes what is older.'),
  });
export type NotaryConfig = z.infer<typeof notaryConfigSchema>;
