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
import { archiveBodySchema } from './archive.js';
import { differenceSchema } from './difference.js';
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

/** How many people's tokens may come with one request. */
export const PROMPTER_TOKENS = 5;

const personSchema = nameSchema;

/** How the identity provider says that a person proved who they are, in the full view. Absent: a channel that does not know. */
export const signInProofSchema = z.strictObject({
  /** `auth_time` (OpenID Connect Core, 2); null when the provider did not say. */
  authTimeMs: timeMsSchema.nullable(),
  /** `acr`; null when the provider did not say. */
  acr: z.string().max(200).nullable(),
});
export type SignInProof = z.infer<typeof signInProofSchema>;

/** What a freeze covers. */
export const freezeScopeSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('agent'), agent: nameSchema }),
  z.strictObject({ kind: z.literal('operation'), operation: nameSchema }),
  z.strictObject({ kind: z.literal('all') }),
]);
export type FreezeScope = z.infer<typeof freezeScopeSchema>;

/** Who else is affected, and what the agent did before. */
export const reviewContextSchema = z.strictObject({
  /** Owners of the target, as the bundle lists them. */
  owners: z.array(personSchema).max(50),
  /** The agent's last ended actions, newest first. */
  recent: z
    .array(
      z.strictObject({
        actionId: actionIdSchema,
        operation: nameSchema,
        /** Null when it ended before its target was known. */
        target: nameSchema.nullable(),
        outcome: outcomeSchema.shape.status,
        concludedAtMs: timeMsSchema,
      }),
    )
    .max(10),
});
export type ReviewContext = z.infer<typeof reviewContextSchema>;

/** Who says it, as a member of a group whose say this is. */
const memberSchema = z.strictObject({
  /** Canonical person. */
  person: personSchema,
  group: nameSchema,
});

/** How the gateway knows them. */
const viaSchema = z.strictObject({ channel: nameSchema, subject: z.string().max(200) });

/**
 * The body of each kind of statement. `request` and `withdrawal` are signed by the agent, or by the gateway for an agent
 * without a key; the others by a process.
 */
export const statementBodySchemas = {
  request: requestSchema,
  withdrawal: z.strictObject({
    actionId: actionIdSchema,
    agent: nameSchema,
    reason: z.string().min(1).max(2_000),
    withdrawnAtMs: timeMsSchema,
  }),
  /** On whose behalf the agent asked: canonical people, each proven by their own token at the gateway. */
  provenance: z.strictObject({
    prompters: z.array(personSchema).max(PROMPTER_TOKENS),
    schedulers: z.array(personSchema).max(PROMPTER_TOKENS),
    verifiedAtMs: timeMsSchema,
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
    /** 50 of the operation's, and one of the request's own. */
    flags: z.array(flagSchema).max(51),
    gatheredAtMs: timeMsSchema,
    /** For people to judge by; in no digest that they approve. */
    context: reviewContextSchema.optional(),
  }),
  plan: z.strictObject({
    round: z.int().min(1),
    policy: z.strictObject({ digest: digestSchema, number: z.int().positive() }),
    plan: reviewPlanSchema,
    /** People who may not decide, each with the reason: agent's owner, prompters, aliases of them. */
    barred: z.array(z.strictObject({ person: personSchema, because: z.string().max(200) })).max(500),
    snapshot: actionSnapshotSchema,
    actionDigest: digestSchema,
    /** Why the review opened again, and what differs from the round before; null in the first round. */
    reopened: z
      .strictObject({
        code: z.string().max(80),
        message: z.string().max(2_000),
        difference: differenceSchema.nullable(),
      })
      .nullable(),
    openedAtMs: timeMsSchema,
  }),
  decision: z.strictObject({
    round: z.int().min(1),
    actionDigest: digestSchema,
    runId: z.string().max(100),
    decision: z.enum(['approve', 'deny']),
    /** This approval breaks the glass: it counts for the plan's `breakGlass`, and as any other besides. */
    breakGlass: z.literal(true).optional(),
    reason: z.string().max(2_000),
    approver: z.strictObject({
      /** Canonical person: one human, whatever alias they used. */
      person: personSchema,
      /** The groups of theirs that count, as the gateway's bundle lists them. */
      groups: z.array(nameSchema).max(200),
    }),
    via: z.strictObject({ channel: nameSchema, subject: z.string().max(200), eventId: z.string().max(200) }),
    signIn: signInProofSchema.optional(),
    decidedAtMs: timeMsSchema,
  }),
  /** What the agent sent beside its request: kept in the content store, its secrets left out. */
  attachment: z.strictObject({
    kind: z.literal('logs'),
    /** As the signed request names it. */
    sentSha256: digestSchema,
    /** Of what is kept: the text with its secrets replaced. */
    storedSha256: digestSchema,
    /** Length of what is kept. */
    bytes: z.int().nonnegative(),
    /** How often which rule replaced something; rules that found nothing are left out. */
    redactions: z.array(z.strictObject({ rule: nameSchema, count: z.int().positive() })).max(50),
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
    /** It may run because people broke the glass, not because its plan was filled: from now on a review of that is owed. */
    breakGlass: z
      .strictObject({
        /** Canonical people whose approvals broke it, sorted. */
        by: z.array(personSchema).min(2),
        /** Until when the review is due. */
        dueAtMs: timeMsSchema,
      })
      .optional(),
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
    /** Null when it has no lease of its own: it ends with its token, or by its own expiry. */
    leaseId: z.string().max(500).nullable(),
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
  /** What was observed of an effect is gravely not what was declared, or the token of a lease was stolen: somebody must look. */
  incident: z.strictObject({
    actionId: actionIdSchema,
    agent: nameSchema,
    /** Of the finding. */
    code: flagSchema.shape.code,
    severity: flagSchema.shape.severity,
    sentence: flagSchema.shape.sentence,
    /** Canonical people whose doing it was: who broke the glass. Absent: the agent's. */
    by: z.array(personSchema).min(1).max(200).optional(),
    openedAtMs: timeMsSchema,
  }),
  /** From now on nothing of what it covers is admitted or run. */
  freeze: z.discriminatedUnion('because', [
    /** By the executor, under the action whose effect was not what had been declared. */
    z.strictObject({
      agent: nameSchema,
      /** What of the plan said so. */
      because: z.literal('effect_mismatch'),
      /** Code of the action's incident. */
      incident: flagSchema.shape.code,
      frozenAtMs: timeMsSchema,
    }),
    /** By a person, about no action. */
    z.strictObject({
      because: z.literal('person'),
      scope: freezeScopeSchema,
      reason: z.string().min(1).max(2_000),
      /** As a member of one of the groups that make them an approver. */
      by: memberSchema,
      via: viaSchema,
      frozenAtMs: timeMsSchema,
    }),
  ]),
  /** A person lifts one freeze: under the action that it came from, or about no action like the freeze of a person. */
  unfreeze: z.strictObject({
    /** Of a freeze under an action; absent for one by a person, which the digest alone names. */
    agent: nameSchema.optional(),
    /** Digest of the freeze: it lifts no other. */
    freeze: digestSchema,
    reason: z.string().min(1).max(2_000),
    /** As a member of the group that the gateway's bundle lets unfreeze. */
    by: memberSchema,
    via: viaSchema,
    unfrozenAtMs: timeMsSchema,
  }),
  /** Something about the record, the ledger or the policy is not as it must be: it concerns no single action. */
  alarm: z.strictObject({
    /** What kind of fault, e.g. `ledger_forked`, `policy_tampered`. */
    code: flagSchema.shape.code,
    severity: flagSchema.shape.severity,
    /** For people: what was seen, where, and what to do. */
    sentence: z.string().min(1).max(1_000),
    /** Whether no approval counts until somebody clears it. */
    stopsApprovals: z.boolean(),
    raisedAtMs: timeMsSchema,
  }),
  /** A person looked into an alarm and says that work may go on. */
  clearance: z.strictObject({
    /** Digest of the alarm: it clears no other. */
    alarm: digestSchema,
    reason: z.string().min(1).max(2_000),
    /** As a member of the group that the gateway's bundle lets clear alarms. */
    by: memberSchema,
    via: viaSchema,
    clearedAtMs: timeMsSchema,
  }),
  /**
   * From now on a process of this kind judges by this policy bundle, whose change it decided again by itself. It proves
   * nothing to the others; it is this process's own memory of the highest number it has seen.
   */
  adoption: z.strictObject({
    number: z.int().positive(),
    digest: digestSchema,
    /** Null for the first of all. */
    previous: digestSchema.nullable(),
    /** Of the bundle that configuration pins, which the chain of changes began with. */
    genesis: digestSchema,
    /** The action that put it in force; null for the pinned one. */
    change: actionIdSchema.nullable(),
    adoptedAtMs: timeMsSchema,
  }),
  /** A person looked at what was run behind a broken glass, and says whether that was justified. */
  retrospective: z.strictObject({
    /** Digest of the first claim that says so: it pays no other debt. */
    claim: digestSchema,
    verdict: z.enum(['justified', 'unjustified']),
    reason: z.string().min(1).max(2_000),
    by: z.strictObject({
      /** Canonical person; neither broke the glass nor is barred from deciding. */
      person: personSchema,
      /** Groups of the plan's stages for which they speak, as the gateway's bundle has it, sorted. */
      groups: z.array(nameSchema).min(1).max(20),
    }),
    via: viaSchema,
    signIn: signInProofSchema.optional(),
    reviewedAtMs: timeMsSchema,
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
  archive: archiveBodySchema,
  /** Somebody fetched an output. */
  fetch: z.strictObject({ by: z.string().max(200), artefactDigest: digestSchema, fetchedAtMs: timeMsSchema }),
} as const;

/** Kinds that may be about no action: their subject is the digest of their own body, or of what was sent. */
export const KINDS_WITHOUT_ACTION: readonly StatementKind[] = [
  'refusal',
  'alarm',
  'clearance',
  'adoption',
  'freeze',
  'unfreeze',
];

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
  format: z.enum(['csv', 'ndjson', 'txt']),
  retainUntilMs: timeMsSchema,
  details: jsonObjectSchema.optional(),
});
