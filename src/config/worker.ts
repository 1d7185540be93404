import { z } from 'zod';
import { commonConfigSchema } from './common.js';
import { hostConfigSchema } from './host.js';
import { onCallConfigSchema } from './on-call.js';
import { slackConfigSchema } from './slack.js';
import { teamsConfigSchema } from './teams.js';
import { webhooksConfigSchema } from './webhooks.js';

/** Settings of the worker. */
export const workerConfigSchema = commonConfigSchema
  .extend(slackConfigSchema.shape)
  .extend(teamsConfigSchema.shape)
  .extend(onCallConfigSchema.shape)
  .extend(webhooksConfigSchema.shape)
  .extend(hostConfigSchema.shape)
  .extend({
    COUNTERSIGN_WORKFLOW_BUNDLE: z.string().min(1).describe('File with the workflow bundle that the build makes.'),
    COUNTERSIGN_MAX_CACHED_WORKFLOWS: z.coerce
      .number()
      .int()
      .min(0)
      .default(1_000)
      .describe('How many waiting actions are kept in memory; the others are rebuilt from history when they wake.'),
  });
export type WorkerConfig = z.infer<typeof workerConfigSchema>;
