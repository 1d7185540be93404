import { z } from 'zod';
import {
  actionSnapshotSchema,
  flagSchema,
  outcomeSchema,
  previewSchema,
  requestSchema,
  reviewPlanSchema,
  targetRefSchema,
} from './action.js';
import { actionIdSchema, digestSchema, jsonObjectSchema, nameSchema, timeMsSchema } from './primitives.js';

/** Where a process's statement stands in that process's own chain. Gaps and deletions show. */
export const chainSchema = z.strictObject({
  process: z.enum(['gateway', 'worker', 'executor', 'notary']),
  number: z.int().positive(),
  /** SHA-256 of the previous statement's payload; of the empty string for the first. */
  previous: digestSchema,
});

/** A target that is away for days is tried thousands of times: the receipt must fit into one envelope all the same. */
export const RECEIPT_STATEMENTS = 10_000;

const personSchema = nameSchema;

/** The body of each kind of statement. `request` and `withdrawal` are signed by the agent, the others by a process. */
export const statementBodySchemas = {
  request: requestSchema,
  withdrawal: z.strictObject({
    actionId: actionIdSchema,
    agent: nameSchema,
    reason: z.string().min(1).max(2_000),
    withdrawnAtMs: timeMsSchema,
  }),
  /** An attempt that was turned away: nothing was started or changed. */
  refusal: z.strictObject({
    code: z.string().max(80),
    /** The offending field or line, where there is one, e.g. `params.query`. */
    field: z.string().max(200).nullable(),
    message: z.string().max(1_000),
    /** Who tried, as far as it was proven; `null` when nobody was. */
    who: z.string().max(200).nullable(),
    /** SHA-256 of what was sent. */
    sentDigest: digestSchema.nullable(),
  }),
  preview: z.strictObject({
    round: z.int().min(1),
    requestDigest: digestSchema,
    target: targetRefSchema,
    preview: previewSchema,
    flags: z.array(flagSchema).max(50),
    gatheredAtMs: timeMsSchema,
  }),
  plan: z.strictObject({
    round: z.int().min(1),
    policy: z.strictObject({ digest: digestSchema, number: z.int().positive() }),
    plan: reviewPlanSchema,
    /** People who may not decide, each with the reason: agent's owner, prompters, aliases of them. */
    barred: z.array(z.strictObject({ person: personSchema, because: z.string().max(200) })).max(500),
    snapshot: actionSnapshotSchema,
    actionDigest: digestSchema,
    /** Why the review opened again; null in the first round. */
    reopened: z.strictObject({ code: z.string().max(80), message: z.string().max(2_000) }).nullable(),
    openedAtMs: timeMsSchema,
  }),
  decision: z.strictObject({
    round: z.int().min(1),
    actionDigest: digestSchema,
    runId: z.string().max(100),
    decision: z.enum(['approve', 'deny']),
    reason: z.string().max(2_000),
    approver: z.strictObject({
      /** Canonical person: one human, whatever alias they used. */
      person: personSchema,
      /** The groups of theirs that count, as the gateway's bundle lists them. */
      groups: z.array(nameSchema).max(200),
    }),
    via: z.strictObject({ channel: nameSchema, subject: z.string().max(200), eventId: z.string().max(200) }),
    decidedAtMs: timeMsSchema,
  }),
  /** A timer fired: from now on members of `group` may fill one open place of any stage. */
  escalation: z.strictObject({
    round: z.int().min(1),
    runId: z.string().max(100),
    group: nameSchema,
    afterMs: z.int().positive(),
    firedAtMs: timeMsSchema,
  }),
  /** The executor judged all of it again and took the action for itself. */
  claim: z.strictObject({
    actionDigest: digestSchema,
    step: nameSchema,
    attempt: z.int().positive(),
    runId: z.string().max(100),
    approvers: z.array(personSchema),
    claimedAtMs: timeMsSchema,
  }),
  /** A child token was created; its accessor is on record before anyone could use it. */
  lease: z.strictObject({
    purpose: z.enum(['preview', 'execute', 'probe']),
    accessor: z.string().max(200),
    tokenRole: z.string().max(200),
    ttlSeconds: z.int().positive(),
    runId: z.string().max(100),
    leasedAtMs: timeMsSchema,
  }),
  /** What was issued under the token. */
  credential: z.strictObject({
    accessor: z.string().max(200),
    leaseId: z.string().max(500),
    vaultRole: z.string().max(200),
    username: z.string().max(200),
    target: nameSchema,
    issuedAtMs: timeMsSchema,
  }),
  /** The effect is about to begin: from here on it is never blindly repeated. */
  effect: z.strictObject({
    actionDigest: digestSchema,
    step: nameSchema,
    attempt: z.int().positive(),
    startedAtMs: timeMsSchema,
  }),
  /** What came of the effect. */
  result: z.strictObject({
    step: nameSchema,
    outcome: outcomeSchema,
    findings: z.array(flagSchema).max(20),
    finishedAtMs: timeMsSchema,
  }),
  revocation: z.strictObject({
    accessor: z.string().max(200),
    /** What was asked, of whom, and what they answered: each must say "unknown here". */
    proofs: z.array(z.strictObject({ asked: z.string().max(300), answer: z.string().max(300) })).max(20),
    revokedAtMs: timeMsSchema,
  }),
  receipt: z.strictObject({
    actionDigest: digestSchema.nullable(),
    outcome: outcomeSchema,
    /** `open`: revocation not yet proven; a closing receipt follows. */
    lease: z.enum(['none', 'open', 'revoked']),
    approvers: z.array(personSchema),
    /** Payload digests of the statements on record about this action, oldest first; of more than fit, the newest. */
    statements: z.array(digestSchema).max(RECEIPT_STATEMENTS),
    closing: z.boolean(),
    concludedAtMs: timeMsSchema,
  }),
  /** Somebody fetched an output. */
  fetch: z.strictObject({ by: z.string().max(200), artefactDigest: digestSchema, fetchedAtMs: timeMsSchema }),
} as const;

export type StatementKind = keyof typeof statementBodySchemas;
export type StatementBody<K extends StatementKind> = z.infer<(typeof statementBodySchemas)[K]>;
export type ProcessName = z.infer<typeof chainSchema>['process'];

/** An in-toto Statement v1 of one kind. The subject is always the action, named by the digest of its request. */
export interface Statement<K extends StatementKind = StatementKind> {
  _type: 'https://in-toto.io/Statement/v1';
  subject: [{ name: string; digest: { sha256: string } }];
  predicateType: string;
  predicate: { body: StatementBody<K>; chain: z.infer<typeof chainSchema> | null };
}

export function predicateTypeOf(kind: StatementKind): string {
  return `https://countersign.dev/${kind}/v1`;
}

/** The zod schema of a whole statement of one kind. */
export function statementSchema<K extends StatementKind>(kind: K): z.ZodType<Statement<K>> {
  return z.strictObject({
    _type: z.literal('https://in-toto.io/Statement/v1'),
    subject: z.tuple([z.strictObject({ name: z.string().max(100), digest: z.strictObject({ sha256: digestSchema }) })]),
    predicateType: z.literal(predicateTypeOf(kind)),
    predicate: z.strictObject({ body: statementBodySchemas[kind], chain: chainSchema.nullable() }),
  }) as unknown as z.ZodType<Statement<K>>;
}

export const artefactSchema = z.strictObject({
  sha256: digestSchema,
  bytes: z.int().nonnegative(),
  rows: z.int().nonnegative(),
  format: z.enum(['csv', 'ndjson']),
  retainUntilMs: timeMsSchema,
  details: jsonObjectSchema.optional(),
});
