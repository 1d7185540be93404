import { z } from 'zod';
import {
  budgetSchema,
  flagSchema,
  outcomeSchema,
  previewSchema,
  reviewPlanSchema,
  requestSchema,
} from '../core/schemas/action.js';
import { actionIdSchema, digestSchema, recordedEnvelopeSchema, timeMsSchema } from '../core/schemas/primitives.js';
import type { DecisionAnswer } from '../contracts/workflow.js';
import type { ActionView } from '../record/action-view.js';
import { breakGlassSchema } from './debt-answers.js';

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
  signIn: z.looseObject({ authTimeMs: timeMsSchema.nullable(), acr: z.string().nullable() }).optional(),
  breakGlass: z.literal(true).optional(),
  current: z.boolean(),
});

const leaseViewSchema = z.looseObject({
  purpose: z.string(),
  username: z.string().nullable(),
  leasedAtMs: timeMsSchema,
  revokedAtMs: timeMsSchema.nullable(),
  proofs: z.array(z.looseObject({ asked: z.string(), answer: z.string() })),
});

const logsSchema = z.looseObject({
  sentSha256: digestSchema,
  stored: z
    .looseObject({
      sha256: digestSchema,
      bytes: z.int(),
      redactions: z.array(z.looseObject({ rule: z.string(), count: z.int() })),
    })
    .nullable(),
});

const contextSchema = z.looseObject({
  owners: z.array(z.string()),
  recent: z.array(
    z.looseObject({
      actionId: z.string(),
      operation: z.string(),
      target: z.string().nullable(),
      outcome: z.string(),
      concludedAtMs: timeMsSchema,
    }),
  ),
});

const differenceViewSchema = z.looseObject({
  plan: z.array(z.looseObject({ label: z.string(), before: z.string(), now: z.string() })).optional(),
  facts: z.array(z.looseObject({ label: z.string(), before: z.string().nullable(), now: z.string().nullable() })),
  flagsAdded: z.array(flagSchema.loose()),
  flagsGone: z.array(flagSchema.loose()),
  itemsLeftOut: z.int(),
  content: z.string().nullable(),
  contentLinesLeftOut: z.int(),
});

/** One action, whole, as the gateway answers it. */
export const actionViewSchema = z.looseObject({
  actionId: actionIdSchema,
  requestDigest: digestSchema,
  state: stateSchema,
  request: requestSchema.loose(),
  logs: logsSchema.nullable().default(null),
  context: contextSchema.nullable().default(null),
  target: targetSchema.nullable(),
  preview: previewSchema.loose().nullable(),
  flags: z.array(flagSchema.loose()),
  risk: severitySchema,
  round: z.int(),
  plan: reviewPlanSchema.loose().nullable(),
  policy: z.looseObject({ digest: z.string(), number: z.int() }).nullable(),
  actionDigest: digestSchema.nullable(),
  provenance: z
    .looseObject({ prompters: z.array(z.string()), schedulers: z.array(z.string()) })
    .nullable()
    .default(null),
  barred: z.array(z.looseObject({ person: z.string(), because: z.string() })),
  reopened: z
    .looseObject({ code: z.string(), message: z.string(), difference: differenceViewSchema.nullable().default(null) })
    .nullable(),
  openedAtMs: timeMsSchema.nullable(),
  expiresAtMs: timeMsSchema,
  decisions: z.array(decisionSchema),
  escalated: z.array(z.looseObject({ group: z.string(), firedAtMs: timeMsSchema })),
  quorum: quorumSchema.nullable(),
  breakGlass: breakGlassSchema.nullable().default(null),
  leases: z.array(leaseViewSchema),
  outcome: outcomeViewSchema.nullable(),
  incidents: z
    .array(
      z.looseObject({ code: z.string(), severity: severitySchema, sentence: z.string(), openedAtMs: timeMsSchema }),
    )
    .default([]),
  freeze: z
    .looseObject({
      agent: z.string(),
      frozenAtMs: timeMsSchema,
      lifted: z.looseObject({ person: z.string(), reason: z.string(), atMs: timeMsSchema }).nullable(),
    })
    .nullable()
    .default(null),
  lease: leaseSchema,
  receipt: z.looseObject({ digest: z.string(), concludedAtMs: timeMsSchema, closing: z.boolean() }).nullable(),
  refusals: z.array(z.looseObject({ code: z.string(), field: z.string().nullable(), message: z.string() })),
}) as unknown as z.ZodType<ActionView>;

/** The answer to `POST /actions`. */
export const acceptedSchema = z.looseObject({
  actionId: actionIdSchema,
  requestDigest: digestSchema.optional(),
  state: stateSchema,
  joined: z.boolean().default(false),
});
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

export const incidentPageSchema = z.looseObject({
  incidents: z.array(
    z.looseObject({
      digest: digestSchema,
      actionId: actionIdSchema,
      agent: z.string(),
      code: z.string(),
      severity: severitySchema,
      sentence: z.string(),
      openedAtMs: timeMsSchema,
      /** Whether the agent is frozen for it right now. */
      frozen: z.boolean(),
    }),
  ),
  /** Ids of actions with an incident that does not verify: somebody tampered with the record. */
  unreadable: z.array(z.string()),
  /** `before` for the next page; null on the last. */
  next: z.string().nullable(),
});
/** Budgets of the policy in force, and how far each is spent. */
export const budgetListSchema = z.looseObject({
  budgets: z.array(
    budgetSchema.loose().extend({
      permit: z.string(),
      operation: z.string(),
      /** Whose it is; null where it counts for all of them, or nothing is spent. */
      agent: z.string().nullable(),
      target: z.string().nullable(),
      /** With what is set aside for what runs; null where it can't be told: then nothing more begins. */
      spent: z.number().nullable(),
      left: z.number(),
    }),
  ),
});
export type BudgetList = z.infer<typeof budgetListSchema>;

/** A page of incidents, newest first. */
export type IncidentPage = z.infer<typeof incidentPageSchema>;

/** One alarm about record, ledger or policy. */
export const alarmSchema = z.looseObject({
  digest: digestSchema,
  code: z.string(),
  severity: z.string(),
  sentence: z.string(),
  stopsApprovals: z.boolean(),
  raisedAtMs: timeMsSchema,
  /** Null while it stands. */
  cleared: z
    .looseObject({ reason: z.string(), by: z.looseObject({ person: z.string() }), clearedAtMs: timeMsSchema })
    .nullable(),
});
export type AlarmAnswer = z.infer<typeof alarmSchema>;

export const alarmsSchema = z.looseObject({ alarms: z.array(alarmSchema) });

const freezeScopeSchema = z.discriminatedUnion('kind', [
  z.looseObject({ kind: z.literal('agent'), agent: z.string() }),
  z.looseObject({ kind: z.literal('operation'), operation: z.string() }),
  z.looseObject({ kind: z.literal('all') }),
]);

/** One freeze that stands. */
export const freezeStateSchema = z.looseObject({
  digest: digestSchema,
  scope: freezeScopeSchema,
  because: z.string(),
  /** Who froze it, and why; null when the executor froze an agent for what an action did. */
  by: z.string().nullable(),
  reason: z.string().nullable(),
  actionId: z.string().nullable(),
  frozenAtMs: timeMsSchema,
  lifts: z.array(z.looseObject({ person: z.string(), reason: z.string(), atMs: timeMsSchema })),
  /** How many more people must lift it. */
  missing: z.int(),
});
export type FreezeState = z.infer<typeof freezeStateSchema>;

export const freezesSchema = z.looseObject({
  freezes: z.array(freezeStateSchema),
  /** Digests of statements that do not verify: somebody tampered with the record. */
  unreadable: z.array(z.string()),
});
export type FreezeList = z.infer<typeof freezesSchema>;

export const unfrozenSchema = z.looseObject({
  scope: freezeScopeSchema,
  /** What is lifted now; empty when nothing of this scope was frozen. `actionId`: for whose effect the executor froze it. */
  lifted: z.array(z.looseObject({ freeze: digestSchema, actionId: z.string().nullable() })),
  /** What a person froze, and so many more people must lift. */
  waiting: z.array(z.looseObject({ freeze: digestSchema, missing: z.int() })),
});
export type Unfrozen = z.infer<typeof unfrozenSchema>;

/** `ending`: the action ran, and is stopped. */
export const withdrawnSchema = z.looseObject({ state: z.enum(['withdrawn', 'ending']) });
export type Withdrawn = z.infer<typeof withdrawnSchema>['state'];

const siemSinkSchema = z.looseObject({
  sink: z.string(),
  kind: z.string(),
  /** Index of the next entry of the ledger that is to be sent. */
  next: z.int(),
  lastUid: z.string().nullable(),
  lagEntries: z.int(),
  /** Age of the oldest entry that was not sent; 0 when all were. */
  lagSeconds: z.int(),
  /** Events that the receiver refused for good. */
  rejected: z.int(),
  sentAtMs: timeMsSchema.nullable(),
  lastError: z.string().nullable(),
  failingSinceMs: timeMsSchema.nullable(),
  /** When a notary last worked for this sink. */
  seenAtMs: timeMsSchema,
});
export type SiemSink = z.infer<typeof siemSinkSchema>;

export const siemStatusSchema = z.looseObject({ ledgerSize: z.int(), sinks: z.array(siemSinkSchema) });
/** How far the SIEM was sent the ledger. */
export type SiemStatus = z.infer<typeof siemStatusSchema>;

export const webhookDeliverySchema = z.looseObject({
  /** The `webhook-id` that the receiver got. */
  id: z.string(),
  endpoint: z.string(),
  /** Null when it tells of an alarm or a freeze. */
  actionId: actionIdSchema.nullable(),
  /** Digest of the alarm or freeze that it tells of; null when it tells of an action. */
  statement: digestSchema.nullable(),
  event: z.string(),
  state: z.enum(['pending', 'delivered', 'failed']),
  attempts: z.int(),
  /** HTTP status of the last answer; null where none came. */
  lastStatus: z.int().nullable(),
  payloadSha256: digestSchema,
  createdAtMs: timeMsSchema,
  /** When it is tried next; null unless pending. */
  dueAtMs: timeMsSchema.nullable(),
  deliveredAtMs: timeMsSchema.nullable(),
  replayedBy: z.string().nullable(),
});
export type WebhookDelivery = z.infer<typeof webhookDeliverySchema>;

export const webhookDeliveriesSchema = z.looseObject({
  deliveries: z.array(webhookDeliverySchema),
  /** `before` for the next page; null on the last. */
  next: z.string().nullable(),
});
/** A page of webhook deliveries, newest first. */
export type WebhookDeliveryPage = z.infer<typeof webhookDeliveriesSchema>;

/** `revision` changes whenever the action does. */
export const waitSchema = z.looseObject({ revision: z.union([z.string(), z.number()]), action: actionViewSchema });

export const decisionAnswerSchema = z.looseObject({
  state: z.enum(['waiting', 'filled', 'denied']),
  open: z.array(z.looseObject({ group: z.string(), places: z.int() })),
  glass: z.array(z.looseObject({ group: z.string(), places: z.int() })).optional(),
}) as unknown as z.ZodType<DecisionAnswer>;

export const statementsSchema = z.looseObject({ statements: z.array(recordedEnvelopeSchema) });

export const statementsPageSchema = z.looseObject({
  actions: z.array(z.looseObject({ actionId: actionIdSchema, statements: z.array(recordedEnvelopeSchema) })),
  /** Ids of actions whose statements do not verify: somebody tampered with the record. */
  unreadable: z.array(actionIdSchema),
  /** `before` for the next page; null on the last. */
  next: actionIdSchema.nullable(),
});
/** Statements of actions, newest action first. */
export type StatementsPage = z.infer<typeof statementsPageSchema>;
