import { z } from 'zod';
import { actionIdSchema, digestSchema, nameSchema } from '../../core/schemas/primitives.js';
import { statementBodySchemas } from '../../core/schemas/statements.js';

/** One incident of a list. */
const incidentSchema = statementBodySchemas.incident
  .extend({
    digest: digestSchema.describe('Of the signed statement.'),
    frozen: z.boolean().describe('Whether the agent is frozen for it right now.'),
  })
  .meta({ id: 'Incident' });

export const incidentsQuerySchema = z.strictObject({
  agent: nameSchema.optional().describe('Only of this agent.'),
  limit: z.coerce.number().int().min(1).max(100).default(50),
  before: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, 'must be `next` of the page before')
    .optional()
    .describe('`next` of the page before.'),
});

export const incidentsSchema = z.object({
  incidents: z.array(incidentSchema),
  unreadable: z
    .array(actionIdSchema)
    .describe('Actions with an incident that does not verify: the record was tampered with.'),
  next: z.string().nullable().describe('`before` for the next page; null on the last.'),
});
