import { z } from 'zod';
import { actionIdSchema, digestSchema, jsonObjectSchema, nameSchema, timeMsSchema } from './primitives.js';

/** Limits on what an agent may send; each is refused by name when it is exceeded. */
export const REQUEST_LIMITS = {
  /** Of a request with its log beside it, whose every byte JSON may write as six. */
  bodyBytes: 655_360,
  reasonChars: 2_000,
  /** Of a log, in UTF-8. */
  logBytes: 65_536,
  linkChars: 500,
  /** A request older than this is not admitted, whatever expiry it names. */
  lifetimeMs: 14 * 24 * 60 * 60 * 1000,
  /** How far an agent's clock may run ahead of ours. */
  clockSkewMs: 60_000,
} as const;

/** A log as it was sent: SHA-256 and length of its UTF-8 text. */
const logsRefSchema = z.strictObject({
  sha256: digestSchema,
  bytes: z.int().min(1).max(REQUEST_LIMITS.logBytes),
});

const linkSchema = z
  .string()
  .max(REQUEST_LIMITS.linkChars)
  .regex(/^https:\/\/[\x21-\x7e]+$/, 'must be an https address in ASCII')
  // The request is on record in clear: a password must not be in it.
  .refine(isLinkWithoutPassword, 'must be an https address without user name and password');

function isLinkWithoutPassword(link: string): boolean {
  if (!URL.canParse(link)) return false;
  const { username, password } = new URL(link);
  return username === '' && password === '';
}

/** What an agent signs: one privileged operation with exact parameters, asked for once. */
export const requestSchema = z.strictObject({
  actionId: actionIdSchema,
  agent: nameSchema,
  operation: nameSchema,
  params: jsonObjectSchema,
  /** The agent's own words: untrusted, shown as such, bound to nothing. */
  reason: z.string().min(1).max(REQUEST_LIMITS.reasonChars),
  /** Names the agent's own log, untrusted context for the reviewer. Its text travels beside the request, never in it. */
  logs: logsRefSchema.optional(),
  /** Where the agent's run or trace can be seen: untrusted, shown as text. */
  link: linkSchema.optional(),
  /** The agent's own word that it read untrusted input before it asked: then this is never automatic. Default: false. */
  tainted: z.boolean().optional(),
  /** An own action that ended without effect, in whose place this one is asked for; people are shown how that one ended. */
  replaces: actionIdSchema.optional(),
  requestedAtMs: timeMsSchema,
  /** After this the action may neither be admitted nor begin to run. */
  expiresAtMs: timeMsSchema,
});
export type ActionRequest = z.infer<typeof requestSchema>;

/** A risk found by an operation's preview. */
export const flagSchema = z.strictObject({
  code: z.string().regex(/^[a-z][a-z0-9_]{1,40}$/),
  severity: z.enum(['info', 'low', 'medium', 'high', 'critical']),
  /** One sentence for people; may hold names from the target: untrusted text. */
  sentence: z.string().max(500),
});
export type Flag = z.infer<typeof flagSchema>;
export type Severity = Flag['severity'];

/** What the operation would do, computed read-only. */
export const previewSchema = z.strictObject({
  /** One line, e.g. `Export of 1 table from orders (production), about 12,000 rows`. */
  summary: z.string().max(300),
  facts: z.array(z.strictObject({ label: z.string().max(80), value: z.string().max(2_000) })).max(40),
  /** The executable content, whole: what people approve is what they can read here. */
  content: z.strictObject({ language: z.enum(['sql', 'diff', 'text', 'json']), text: z.string().max(200_000) }),
  /** Digest of what decides the effect at the target (definitions, not data). */
  fingerprint: digestSchema,
  /** The operation's own numbers, compared by its `grew`. */
  estimate: jsonObjectSchema,
});
export type Preview = z.infer<typeof previewSchema>;

/** The resource an action touches, as policy and people see it. */
export const targetRefSchema = z.strictObject({ kind: nameSchema, name: nameSchema, environment: nameSchema });
export type TargetRef = z.infer<typeof targetRefSchema>;

/** How much of something may come together within a window that ends now. */
export const budgetSchema = z.strictObject({
  /** What is counted: `actions`, or what the operation itself counts, e.g. `rows`. */
  unit: z.string().regex(/^[a-z][a-z_]{0,39}$/),
  atMost: z.int().positive(),
  windowMs: z.int().positive(),
  /** Whose are counted together: of this operation, those of the same agent, on the same target, or both. */
  per: z.enum(['agent', 'target', 'agent and target']),
});
export type Budget = z.infer<typeof budgetSchema>;

/** Who may break the glass, and what follows from it. See docs/break-glass.md. */
export const breakGlassSchema = z.strictObject({
  /** By group; each place by a different person, who says so and why. An escalation fills none of them. */
  stages: z
    .array(z.strictObject({ group: nameSchema, quorum: z.int().min(2).max(20) }))
    .min(1)
    .max(20),
  /** The lease lives no longer than this and than the plan's own. */
  leaseTtlSeconds: z.int().min(10).max(86_400),
  /** From the claim: until then the plan's reviewers say whether it was justified. */
  reviewWithinMs: z.int().positive(),
});
export type BreakGlass = z.infer<typeof breakGlassSchema>;

/** What policy demands before an action may run. Canonical: stages by group, escalations by time then group. */
export const reviewPlanSchema = z.strictObject({
  /** Every stage must be filled, each place by a different person. Empty: automatic, as policy wrote out. */
  stages: z.array(z.strictObject({ group: nameSchema, quorum: z.int().min(1).max(20) })).max(20),
  escalations: z.array(z.strictObject({ afterMs: z.int().positive(), group: nameSchema })).max(20),
  /** First reminder after this; each next one after twice the wait. Null: none. */
  remindAfterMs: z.int().positive().nullable(),
  /** After this, while it still waits, people are paged; 0: at once; absent: nobody is. */
  pageAfterMs: z.int().nonnegative().optional(),
  expireAfterMs: z.int().positive(),
  leaseTtlSeconds: z.int().min(10).max(86_400),
  /** How an approver must have proven who they are: `web` is in the full view, after a fresh sign-in. */
  assurance: z.enum(['any', 'web']),
  /** What freezes the agent, besides people; absent: nothing. An absent field leaves the digests of older plans as they are. */
  freeze: z.enum(['effect_mismatch']).optional(),
  /** What actions may come to together, sorted by unit, scope and window; absent: no limit. */
  budgets: z.array(budgetSchema).min(1).max(200).optional(),
  /** What may be filled in place of the stages when it burns; absent: nothing. */
  breakGlass: breakGlassSchema.optional(),
  /** Names of the places where people are told, sorted; absent: the channels' configured ones. */
  notify: z.array(nameSchema).min(1).max(102).optional(),
  /** Ids of the permits that determined this plan, sorted. */
  policies: z.array(z.string().max(200)).max(100),
});
export type ReviewPlan = z.infer<typeof reviewPlanSchema>;

/** Longest name of all that one action leases. */
export const LEASE_ROLE_CHARS = 600;

/** All that the action digest covers: what people approve and the executor runs. */
export const actionSnapshotSchema = z.strictObject({
  actionId: actionIdSchema,
  operation: nameSchema,
  params: jsonObjectSchema,
  agent: nameSchema,
  fingerprint: digestSchema,
  previewDigest: digestSchema,
  planDigest: digestSchema,
  /** Vault roles of all that is leased. */
  leaseRole: z.string().max(LEASE_ROLE_CHARS),
  expiresAtMs: timeMsSchema,
});
export type ActionSnapshot = z.infer<typeof actionSnapshotSchema>;

/** How an action ended. */
export const outcomeSchema = z.strictObject({
  status: z.enum([
    'succeeded',
    /** It ran, and what was observed is not what was declared. */
    'effect_mismatch',
    'failed',
    'denied',
    'expired',
    'withdrawn',
    'cancelled',
    'refused',
    'unknown',
    'interrupted',
  ]),
  /** Closed-union code, e.g. `denied_by_person`, `quorum_unfillable`, `target_error`. */
  code: z.string().max(80),
  /** One calm sentence for people, without secrets. */
  message: z.string().max(1_000),
  /** Facts of the effect: rows, bytes, sha256 of an export … */
  result: jsonObjectSchema.optional(),
});
export type Outcome = z.infer<typeof outcomeSchema>;
