import { z } from 'zod';
import { actionIdSchema, timeMsSchema } from '../core/schemas/primitives.js';

// Loose, as the other answers.

/** What is owed for one broken glass, and who may pay it. */
export const debtSchema = z.looseObject({
  actionId: actionIdSchema,
  agent: z.string(),
  operation: z.string(),
  target: z.string().nullable(),
  by: z.array(z.string()),
  claimedAtMs: timeMsSchema,
  dueAtMs: timeMsSchema,
  isOverdue: z.boolean(),
  open: z.array(z.string()),
  mayReview: z.array(z.string()),
});
export type DebtAnswer = z.infer<typeof debtSchema>;

export const debtListSchema = z.looseObject({ debts: z.array(debtSchema), unreadable: z.array(z.string()) });
export type DebtListAnswer = z.infer<typeof debtListSchema>;

const placesSchema = z.array(z.looseObject({ group: z.string(), places: z.int() }));

/** Whether the glass may be, or was, broken for an action. */
export const breakGlassSchema = z.looseObject({
  state: z.enum(['offered', 'broken', 'owed', 'paid']),
  open: placesSchema,
  by: z.array(z.looseObject({ person: z.string(), reason: z.string(), atMs: timeMsSchema })),
  debt: z
    .looseObject({
      by: z.array(z.string()),
      dueAtMs: timeMsSchema,
      open: z.array(z.string()),
      retrospectives: z.array(
        z.looseObject({
          person: z.string(),
          verdict: z.enum(['justified', 'unjustified']),
          reason: z.string(),
          atMs: timeMsSchema,
        }),
      ),
    })
    .nullable(),
});
