import { z } from 'zod';
import { actionIdSchema, digestSchema, nameSchema, timeMsSchema } from '../../core/schemas/primitives.js';
import { freezeScopeSchema } from '../../core/schemas/statements.js';

const scopeSchema = freezeScopeSchema.describe('One agent, one operation by whatever agent, or everything.');

export const freezeBodySchema = z.strictObject({
  scope: scopeSchema,
  reason: z.string().max(2_000).default('').describe('Required: why it must stop.'),
});

export const freezeSchema = z
  .object({
    digest: digestSchema.describe('Of the signed statement.'),
    scope: scopeSchema,
    because: z
      .enum(['effect_mismatch', 'person'])
      .describe('`effect_mismatch`: the executor froze the agent by itself.'),
    by: nameSchema.nullable().describe('Who froze it; null when the executor did.'),
    reason: z.string().nullable().describe('In their words; null when the executor froze it.'),
    actionId: actionIdSchema.nullable().describe('For whose effect the executor froze the agent.'),
    frozenAtMs: timeMsSchema,
    lifts: z
      .array(z.object({ person: nameSchema, reason: z.string(), atMs: timeMsSchema }))
      .describe('Who has said that it may be lifted.'),
    missing: z.int().describe('How many more people must say so.'),
  })
  .meta({ id: 'Freeze' });

export const freezesSchema = z.object({
  freezes: z.array(freezeSchema).describe('All that is frozen now, newest first.'),
  unreadable: z.array(digestSchema).describe('Digests of statements that do not verify: the record was tampered with.'),
});

export const unfreezeBodySchema = z.strictObject({
  scope: scopeSchema,
  reason: z.string().max(2_000).default('').describe('Required: why it may act again.'),
});

export const unfrozenSchema = z.object({
  scope: scopeSchema,
  lifted: z
    .array(z.object({ freeze: digestSchema, actionId: actionIdSchema.nullable() }))
    .describe('What is lifted now; empty when nothing of this scope was frozen.'),
  waiting: z
    .array(z.object({ freeze: digestSchema, missing: z.int() }))
    .describe('What a person froze, and so many more people must lift.'),
});
