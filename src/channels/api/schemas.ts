import { z } from 'zod';
import {
  flagSchema,
  outcomeSchema,
  previewSchema,
  requestSchema,
  reviewPlanSchema,
  targetRefSchema,
} from '../../core/schemas/action.js';
import {
  actionIdSchema,
  digestSchema,
  envelopeSchema,
  recordedEnvelopeSchema,
  jsonSchema,
  nameSchema,
  timeMsSchema,
} from '../../core/schemas/primitives.js';
import { GLASS_REASON_CHARS } from '../../core/break-glass.js';
import { differenceSchema } from '../../core/schemas/difference.js';
import { reviewContextSchema } from '../../core/schemas/statements.js';
import type { ActionView } from '../../record/action-view.js';

// Named, because it holds itself: the OpenAPI document must refer to it.
z.globalRegistry.add(jsonSchema, { id: 'Json', description: 'Any JSON value.' });

const stateSchema = z.enum(['preparing', 'waiting', 'approved', 'running', 'done']);
const severitySchema = z.enum(['info', 'low', 'medium', 'high', 'critical']);
const leaseStateSchema = z.enum(['none', 'open', 'revoked']);
const placesSchema = z.array(z.object({ group: z.string(), places: z.int() }));
const quorumSchema = z.object({ filled: z.boolean(), open: placesSchema });

const decisionSchema = z.object({
  person: z.string(),
  decision: z.enum(['approve', 'deny']),
  reason: z.string(),
  channel: z.string(),
  groups: z.array(z.string()),
  decidedAtMs: timeMsSchema,
  runId: z.string(),
  signIn: z
    .object({ authTimeMs: timeMsSchema.nullable(), acr: z.string().nullable() })
    .optional()
    .describe('How the identity provider says they proved who they are; absent where the channel does not know.'),
  breakGlass: z.literal(true).optional().describe('This approval breaks the glass.'),
  current: z.boolean().describe('False once the review was reopened after it.'),
});

/** What is owed for a broken glass. */
const debtSchema = z.object({
  claim: digestSchema.describe('Digest of the claim that opened it.'),
  by: z.array(z.string()).describe('Who broke the glass: none of them reviews it.'),
  claimedAtMs: timeMsSchema,
  dueAtMs: timeMsSchema.describe('Until when the review is due.'),
  open: z.array(z.string()).describe('Groups for whom nobody has looked yet; empty: it is paid.'),
  retrospectives: z.array(
    z.object({
      person: z.string(),
      groups: z.array(z.string()).describe('For whom they speak.'),
      verdict: z.enum(['justified', 'unjustified']),
      reason: z.string(),
      atMs: timeMsSchema,
    }),
  ),
});

const breakGlassViewSchema = z.object({
  state: z
    .enum(['offered', 'broken', 'owed', 'paid'])
    .describe('`broken`: enough people did, and it runs for that. `owed`, `paid`: the review of that.'),
  open: placesSchema.describe('Places for which still nobody breaks it.'),
  by: z
    .array(z.object({ person: z.string(), reason: z.string(), atMs: timeMsSchema }))
    .describe('Who breaks, or broke, the glass, and why.'),
  debt: debtSchema.nullable().describe('Null until the executor has taken it because the glass was broken.'),
});

const leaseSchema = z.object({
  accessor: z.string(),
  purpose: z.enum(['preview', 'execute', 'probe']),
  username: z.string().nullable(),
  leasedAtMs: timeMsSchema,
  revokedAtMs: timeMsSchema.nullable(),
  proofs: z.array(z.object({ asked: z.string(), answer: z.string() })),
});

const redactionsSchema = z
  .array(z.object({ rule: z.string(), count: z.int() }))
  .describe('How often which rule replaced a secret.');

const logsSchema = z.object({
  sentSha256: digestSchema.describe('As the signed request names it.'),
  stored: z
    .object({ sha256: digestSchema, bytes: z.int(), redactions: redactionsSchema })
    .nullable()
    .describe('What is kept; null when the agent named a log but did not send it. Its text: `/v1/actions/{id}/logs`.'),
});

const incidentSchema = z.object({
  code: z.string(),
  severity: severitySchema,
  sentence: z.string(),
  openedAtMs: timeMsSchema,
});

const freezeSchema = z.object({
  agent: nameSchema,
  frozenAtMs: timeMsSchema,
  lifted: z.object({ person: z.string(), reason: z.string(), atMs: timeMsSchema }).nullable(),
});

/** An action, whole: what `ActionView` says. */
export const actionSchema = z
  .object({
    actionId: actionIdSchema,
    requestDigest: digestSchema,
    state: stateSchema,
    request: requestSchema,
    logs: logsSchema.nullable().describe('Null when the agent named no log.'),
    context: reviewContextSchema.nullable().describe('Owners of the target, and what the agent did before.'),
    target: targetRefSchema.nullable(),
    preview: previewSchema.nullable(),
    flags: z.array(flagSchema),
    risk: severitySchema,
    round: z.int(),
    plan: reviewPlanSchema.nullable(),
    policy: z.object({ digest: digestSchema, number: z.int() }).nullable(),
    actionDigest: digestSchema.nullable().describe('What a decision must name: the version that was shown.'),
    provenance: z
      .object({ prompters: z.array(z.string()), schedulers: z.array(z.string()) })
      .nullable()
      .describe('On whose behalf it was asked for, by their verified tokens; null when none came with the request.'),
    barred: z.array(z.object({ person: z.string(), because: z.string() })),
    reopened: z.object({ code: z.string(), message: z.string(), difference: differenceSchema.nullable() }).nullable(),
    openedAtMs: timeMsSchema.nullable(),
    expiresAtMs: timeMsSchema,
    decisions: z.array(decisionSchema),
    escalated: z.array(z.object({ group: z.string(), firedAtMs: timeMsSchema })),
    quorum: quorumSchema.nullable(),
    breakGlass: breakGlassViewSchema.nullable().describe('Null when its plan does not let anyone break the glass.'),
    leases: z.array(leaseSchema),
    outcome: outcomeSchema.nullable(),
    incidents: z
      .array(incidentSchema)
      .describe(
        'What somebody must look at: findings that made the effect another one than was declared, a stolen lease.',
      ),
    freeze: freezeSchema.nullable().describe('When its agent was frozen for what this action did.'),
    lease: leaseStateSchema,
    receipt: z.object({ digest: digestSchema, concludedAtMs: timeMsSchema, closing: z.boolean() }).nullable(),
    refusals: z.array(
      z.object({
        code: z.string(),
        field: z.string().nullable(),
        message: z.string(),
        who: z.string().nullable(),
        atMs: timeMsSchema,
      }),
    ),
    timeline: z.array(z.object({ kind: z.string(), atMs: timeMsSchema, signedBy: z.string(), digest: digestSchema })),
  })
  .meta({ id: 'Action' });
export type ActionBody = z.infer<typeof actionSchema>;

/** One line of a list: enough to see what is asked, and by whom. */
export const actionSummarySchema = actionSchema
  .pick({
    actionId: true,
    state: true,
    target: true,
    risk: true,
    expiresAtMs: true,
    quorum: true,
    outcome: true,
    lease: true,
  })
  .extend({
    request: requestSchema.pick({ agent: true, operation: true, reason: true, requestedAtMs: true }),
    preview: previewSchema.pick({ summary: true }).nullable(),
    breakGlass: breakGlassViewSchema
      .pick({ state: true })
      .nullable()
      .describe('Null when its plan does not let anyone break the glass.'),
  })
  .meta({ id: 'ActionSummary' });
export type ActionSummaryBody = z.infer<typeof actionSummarySchema>;

export const acceptedSchema = z.object({
  actionId: actionIdSchema,
  requestDigest: digestSchema,
  state: stateSchema,
  joined: z
    .boolean()
    .describe(
      'Whether this is an earlier action of the agent, for the same and still open: then nothing new was started, and this is the action to follow.',
    ),
});

export const listQuerySchema = z.strictObject({
  agent: nameSchema.optional().describe('Only of this agent.'),
  open: z.stringbool().optional().describe('True: only actions that have no receipt yet.'),
  limit: z.coerce.number().int().min(1).max(100).default(50),
  before: actionIdSchema.optional().describe('Only actions older than this id.'),
  q: z
    .string()
    .max(200)
    .optional()
    .describe(
      'Only those that hold all of these words: in id, summary, agent, operation, reason, target, state, outcome or risk.',
    ),
});

export const listSchema = z.object({
  actions: z.array(actionSummarySchema),
  unreadable: z.array(actionIdSchema).describe('Actions whose statements do not verify: the record was tampered with.'),
  next: actionIdSchema.nullable().describe('`before` for the next page; null on the last.'),
});

export const waitQuerySchema = z.strictObject({
  timeoutSeconds: z.coerce.number().int().min(1).max(60).default(30),
  sinceRevision: z
    .string()
    .max(20)
    .optional()
    .describe('Answer at once if the action is not, or no longer, at this revision.'),
});

export const waitSchema = z.object({
  revision: z.string().describe('Changes whenever the action does.'),
  action: actionSchema,
});

export const actionParamsSchema = z.strictObject({ actionId: actionIdSchema });

export const decisionBodySchema = z.strictObject({
  decision: z.enum(['approve', 'deny']),
  breakGlass: z
    .literal(true)
    .optional()
    .describe('Beside an approval: break the glass, where the plan lets you. See docs/break-glass.md.'),
  reason: z
    .string()
    .max(2_000)
    .default('')
    .describe(`Required to deny; to break the glass, at least ${GLASS_REASON_CHARS} characters that say what burns.`),
  actionDigest: digestSchema.describe('`actionDigest` of the action as it was shown.'),
});

export const decisionHeadersSchema = z.looseObject({
  'idempotency-key': z
    .string('must be there: one per decision')
    .regex(/^[\x21-\x7e]{1,128}$/, 'must be 1 to 128 printable ASCII characters'),
});

export const decisionAnswerSchema = z.object({
  state: z.enum(['waiting', 'filled', 'denied']),
  open: placesSchema,
  glass: placesSchema
    .optional()
    .describe('Places for which nobody breaks the glass yet; absent where the plan offers no such thing.'),
});

/** The body of a request: the envelope, and beside its members the log that the request names. */
export const requestBodySchema = envelopeSchema.extend({
  logs: z
    .string()
    .optional()
    .describe(
      'Text of the log that the signed request names: at most 65,536 bytes of UTF-8. Its secrets are left out.',
    ),
});

const tokensSchema = z.array(z.string()).optional();
const besideSchema = {
  prompterTokens: tokensSchema.describe('Tokens of people who prompted the agent to ask, for `aud` of their own.'),
  schedulerTokens: tokensSchema.describe('Tokens of people who scheduled it.'),
};

/** The body of a submission: a signed request, or the plain one of an agent without a key, and what travels beside it. */
export const submissionSchema = z.union([
  requestBodySchema.extend(besideSchema),
  z.strictObject({ request: requestSchema, logs: requestBodySchema.shape.logs, ...besideSchema }),
]);

export const attachedSchema = z.object({
  actionId: actionIdSchema,
  storedSha256: digestSchema,
  bytes: z.int(),
  redactions: redactionsSchema,
});

export const withdrawnSchema = z.object({ actionId: actionIdSchema, state: z.enum(['withdrawn', 'ending']) });

export const statementsSchema = z.object({
  statements: z
    .array(recordedEnvelopeSchema)
    .describe('Oldest first; each is a DSSE envelope around an in-toto statement.'),
});

export const statementsQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(25).default(25),
  before: actionIdSchema.optional().describe('Only of actions older than this id.'),
});

export const statementsPageSchema = z.object({
  actions: z.array(z.object({ actionId: actionIdSchema, ...statementsSchema.shape })),
  unreadable: z.array(actionIdSchema).describe('Actions whose statements do not verify: the record was tampered with.'),
  next: actionIdSchema.nullable().describe('`before` for the next page; null on the last.'),
});

/** The view, as the schema types it: the same fields, read-only there. */
export function toActionBody(view: ActionView): ActionBody {
  return view as unknown as ActionBody;
}

export function toSummary(view: ActionView): ActionSummaryBody {
  const { actionId, state, target, risk, expiresAtMs, outcome, lease, preview } = view;
  const { agent, operation, reason, requestedAtMs } = view.request;
  const { quorum } = toActionBody(view);
  const summary = preview === null ? null : { summary: preview.summary };
  const request = { agent, operation, reason, requestedAtMs };
  const breakGlass = view.breakGlass === null ? null : { state: view.breakGlass.state };
  return { actionId, state, target, risk, expiresAtMs, quorum, outcome, lease, request, preview: summary, breakGlass };
}
