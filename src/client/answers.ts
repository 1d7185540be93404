import { z } from 'zod';
import { flagSchema, outcomeSchema, previewSchema, reviewPlanSchema, requestSchema } from '../core/schemas/action.js';
import { actionIdSchema, digestSchema, envelopeSchema, timeMsSchema } from '../core/schemas/primitives.js';
import type { ActionView } from '../record/action-view.js';

// Loose: a newer gateway may tell more. Strict in what this client reads.
const stateSchema = z.enum(['preparing', 'waiting', 'approved', 'running', 'done']);
const severitySchema = z.enum(['info', 'low', 'medium', 'high', 'critical']);
const leaseSchema = z.enum(['none', 'open', 'revoked']);
const quorumSchema = z.looseObject({
  filled: z.boolean(),
  open: z.array(z.looseObject({ group: z.string(), places: z.int() })),
});
const targetSchema = z.looseObject({ kind: z.string(), name: z.string(), environment: z.string() });
const outcomeViewSchema = outcomeSchema.loose();

/** What the list of actions tells of each. */
export const actionSummarySchema = z.looseObject({
  actionId: actionIdSchema,
  state: stateSchema,
  request: z.looseObject({ agent: z.string(), operation: z.string() }),
  target: targetSchema.nullable(),
  preview: z.looseObject({ summary: z.string() }).nullable(),
  risk: severitySchema,
  expiresAtMs: timeMsSchema,
  quorum: quorumSchema.nullable(),
  outcome: outcomeViewSchema.nullable(),
  lease: leaseSchema,
});
export type ActionSummary = z.infer<typeof actionSummarySchema>;

const decisionSchema = z.looseObject({
  person: z.string(),
  decision: z.enum(['approve', 'deny']),
  reason: z.string(),
  channel: z.string(),
  groups: z.array(z.string()),
  decidedAtMs: timeMsSchema,
  current: z.boolean(),
});

const leaseViewSchema = z.looseObject({
  purpose: z.string(),
  username: z.string().nullable(),
  leasedAtMs: timeMsSchema,
  revokedAtMs: timeMsSchema.nullable(),
  proofs: z.array(z.looseObject({ asked: z.string(), answer: z.string() })),
});

/** One action, whole, as the gateway answers it. */
export const actionViewSchema = z.looseObject({
  actionId: actionIdSchema,
  requestDigest: digestSchema,
  state: stateSchema,
  request: requestSchema.loose(),
  target: targetSchema.nullable(),
  preview: previewSchema.loose().nullable(),
  flags: z.array(flagSchema.loose()),
  risk: severitySchema,
  round: z.int(),
  plan: reviewPlanSchema.loose().nullable(),
  policy: z.looseObject({ digest: z.string(), number: z.int() }).nullable(),
  actionDigest: digestSchema.nullable(),
  barred: z.array(z.looseObject({ person: z.string(), because: z.string() })),
  reopened: z.looseObject({ code: z.string(), message: z.string() }).nullable(),
  openedAtMs: timeMsSchema.nullable(),
  expiresAtMs: timeMsSchema,
  decisions: z.array(decisionSchema),
  escalated: z.array(z.looseObject({ group: z.string(), firedAtMs: timeMsSchema })),
  quorum: quorumSchema.nullable(),
  leases: z.array(leaseViewSchema),
  outcome: outcomeViewSchema.nullable(),
  lease: leaseSchema,
  receipt: z.looseObject({ digest: z.string(), concludedAtMs: timeMsSchema, closing: z.boolean() }).nullable(),
  refusals: z.array(z.looseObject({ code: z.string(), field: z.string().nullable(), message: z.string() })),
}) as unknown as z.ZodType<ActionView>;

/** The answer to `POST /actions`. */
export const acceptedSchema = z.looseObject({ actionId: actionIdSchema, state: stateSchema });
export type Accepted = z.infer<typeof acceptedSchema>;

export const pageSchema = z.looseObject({
  actions: z.array(actionSummarySchema),
  /** Ids of actions whose statements do not verify: somebody tampered with the record. */
  unreadable: z.array(z.string()).default([]),
  /** `before` for the next page; null on the last. */
  next: z.string().nullable().default(null),
});
/** A page of the list of actions, newest first. */
export type ActionPage = z.infer<typeof pageSchema>;

/** `revision` changes whenever the action does. */
export const waitSchema = z.looseObject({ revision: z.union([z.string(), z.number()]), action: actionViewSchema });

export const decisionAnswerSchema = z.looseObject({
  state: z.enum(['waiting', 'filled', 'denied']),
  open: z.array(z.looseObject({ group: z.string(), places: z.int() })),
});

export const statementsSchema = z.looseObject({ statements: z.array(envelopeSchema) });
