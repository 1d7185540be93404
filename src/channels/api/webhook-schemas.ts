import { z } from 'zod';
import { actionIdSchema, digestSchema, timeMsSchema } from '../../core/schemas/primitives.js';

const deliveryStateSchema = z.enum(['pending', 'delivered', 'failed']);

export const deliverySchema = z
  .object({
    id: z.string().describe('The `webhook-id` that the receiver got.'),
    endpoint: z.string().describe('Name of the receiver, of the configuration.'),
    actionId: actionIdSchema.nullable().describe('Null when it tells of an alarm or a freeze.'),
    statement: digestSchema
      .nullable()
      .describe('Digest of the alarm or freeze that it tells of; null when it tells of an action.'),
    event: z.string().describe('Why it was sent, e.g. `opened`, `alarm.raised`.'),
    state: deliveryStateSchema.describe('`pending`: is still tried. `failed`: given up, after three days or a 410.'),
    attempts: z.int(),
    lastStatus: z.int().nullable().describe('HTTP status of the last answer; null where none came.'),
    payloadSha256: digestSchema.describe('Of the body that was sent.'),
    createdAtMs: timeMsSchema,
    dueAtMs: timeMsSchema.nullable().describe('When it is tried next; null unless pending.'),
    deliveredAtMs: timeMsSchema.nullable(),
    replayedBy: z.string().nullable().describe('Who last had it sent again.'),
  })
  .meta({ id: 'WebhookDelivery' });

export const deliveriesQuerySchema = z.strictObject({
  action: actionIdSchema.optional().describe('Only about this action.'),
  state: deliveryStateSchema.optional(),
  limit: z.coerce.number().int().min(1).max(100).default(50),
  before: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, 'must be `next` of the page before')
    .optional()
    .describe('`next` of the page before.'),
});

export const deliveriesSchema = z.object({
  deliveries: z.array(deliverySchema),
  next: z.string().nullable().describe('`before` for the next page; null on the last.'),
});

export const deliveryParamsSchema = z.strictObject({
  id: z.string().regex(/^msg_[0-9a-f]{32}$/, 'must be the id of a delivery'),
});
