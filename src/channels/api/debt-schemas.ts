import { z } from 'zod';
import { actionIdSchema, timeMsSchema } from '../../core/schemas/primitives.js';

export const retrospectiveBodySchema = z.strictObject({
  verdict: z.enum(['justified', 'unjustified']).describe('Both pay the debt; `unjustified` opens an incident.'),
  reason: z.string().max(2_000).default('').describe('Required: what you found.'),
});

export const debtStateSchema = z
  .object({
    actionId: actionIdSchema,
    agent: z.string(),
    operation: z.string(),
    target: z.string().nullable(),
    by: z.array(z.string()).describe('Who broke the glass.'),
    claimedAtMs: timeMsSchema,
    dueAtMs: timeMsSchema.describe('Until when the review is due.'),
    isOverdue: z.boolean(),
    open: z.array(z.string()).describe('Groups for whom nobody has looked yet; empty: it is paid.'),
    mayReview: z.array(z.string()).describe('Who may review it for one of these groups.'),
  })
  .meta({ id: 'Debt' });

export const debtsSchema = z.object({
  debts: z.array(debtStateSchema).describe('Unpaid ones, oldest first. While there is one, nobody breaks the glass.'),
  unreadable: z
    .array(actionIdSchema)
    .describe(
      'Actions behind a broken glass whose statements do not verify or are gone: the record was tampered with.',
    ),
});
