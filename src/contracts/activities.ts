import type { Envelope, PublicKey } from '../core/dsse.js';
import type { DebtStanding } from './retrospective.js';
import type { Outcome, ReviewPlan, Severity } from '../core/schemas/action.js';

/** Task queues; each is polled by one kind of process. */
export const TASK_QUEUES = {
  worker: 'countersign',
  executor: 'countersign-execute',
  notary: 'countersign-notary',
} as const;

/** Why a review opened again. */
export interface Reopened {
  code: string;
  message: string;
}

export interface PrepareInput {
  request: Envelope;
  /** 1 for the first review of the action; one more each time it is reopened. */
  round: number;
  reopened: Reopened | null;
}

/** What the workflow needs to hold the review; all of it is on record, signed by the worker. */
export interface Prepared {
  actionId: string;
  agent: string;
  operation: string;
  target: string;
  environment: string;
  /** One line, safe to show in the Temporal UI. */
  title: string;
  risk: Severity;
  round: number;
  actionDigest: string;
  plan: ReviewPlan;
  /** Canonical people who may not decide. */
  barred: string[];
  /** Whether enough people remain to fill the quorum, after separation of duties. */
  fillable: 'now' | 'after_escalation' | 'by_breaking_glass' | 'never';
  openedAtMs: number;
  expiresAtMs: number;
  /** Whether the worker posts to any channel; where it is absent it may. */
  announces?: boolean;
  /** Public keys whose signature makes a decision. */
  decisionKeys: PublicKey[];
  /** The key that signed the request: it may withdraw. */
  agentKey: PublicKey;
  /** For an agent without a key of its own: all keys of the gateway that sign for it. */
  intakeKeys?: PublicKey[];
}

/** Admit, preview, policy. Fails, not retryable, with a RefusalCode as type when the action is refused. */
export interface PrepareActivities {
  prepare(input: PrepareInput): Promise<Prepared>;
}

/** Why channels are told. */
export type AnnouncementEvent =
  | 'opened'
  | 'reminded'
  | 'escalated'
  | 'paged'
  | 'decided'
  | 'reopened'
  | 'concluded'
  /** Enough people broke the glass: it runs now, whatever its plan demands besides. */
  | 'glass_broken'
  /** Of the review that is owed for it: it still waits, is late, or has been given. */
  | 'debt_reminded'
  | 'debt_overdue'
  | 'debt_paid';

/** What happened in the review; the channels show what the record says of it. */
export interface AnnounceInput {
  actionId: string;
  event: AnnouncementEvent;
  /** Counts the announcements of one action from 1, so that a retried one is posted once. */
  number: number;
}

/** A decision that counts, as far as the workflow goes. */
export interface CountedDecision {
  person: string;
  groups: string[];
  decision: 'approve' | 'deny';
  reason: string;
  decidedAtMs: number;
  /** This approval breaks the glass; absent: it does not. */
  breakGlass?: true;
}

export interface AnnounceActivities {
  /** Tells every channel what the record now says. */
  announce(input: AnnounceInput): Promise<void>;
  /** Puts a fired escalation timer on record: from then on members of the group may fill an open place. */
  recordEscalation(input: { actionId: string; round: number; group: string; afterMs: number }): Promise<void>;
  /** What the record says is owed for an action that ran behind a broken glass. */
  readDebt(input: { actionId: string }): Promise<DebtStanding>;
  /** Public keys of the keyring in force whose signature makes a decision, and of the gateway for agents without a key. */
  readKeys(): Promise<Pick<Prepared, 'decisionKeys'> & { intakeKeys: PublicKey[] }>;
  /** Judges a decision that came as a signal: signature, digest, and run id of the asking run. Null: it does not count. */
  verifyHint(input: { actionId: string; actionDigest: string; envelope: unknown }): Promise<CountedDecision | null>;
}

export interface RunUnderLeaseInput {
  actionId: string;
  round: number;
}

export type RunResult =
  | { kind: 'finished'; outcome: Outcome }
  /** The executor will not run what was approved; people must look again. */
  | { kind: 'review_again'; reopened: Reopened };

export interface ExecuteActivities {
  /**
   * Recheck, lease, execute, revoke. Fails with type `nothing_ran` (retryable) when a service was away before the effect,
   * and with a RefusalCode (not retryable) when the executor finds no right to run it.
   */
  runUnderLease(input: RunUnderLeaseInput): Promise<RunResult>;
}

export interface ConcludeInput {
  actionId: string;
  /** What the workflow believes; the receipt says what the record proves. */
  ended:
    | { kind: 'ran' }
    | {
        kind: 'not_run';
        status: 'denied' | 'expired' | 'withdrawn' | 'cancelled' | 'refused' | 'failed';
        code: string;
        message: string;
      };
  /** True when only the proof of revocation was still missing. */
  closing: boolean;
}

export interface ConcludeResult {
  outcome: Outcome;
  lease: 'none' | 'open' | 'revoked';
  /** False when a channel did not take the end of the story and must be told again. */
  told: boolean;
}

export interface ConcludeActivities {
  /** Ends and proves what is left of the leases, signs the receipt, tells everyone. Idempotent. Never fails for a channel. */
  conclude(input: ConcludeInput): Promise<ConcludeResult>;
  /** Ends leases that no live run holds. Also runs as a loop in the notary. */
  sweep(): Promise<{ ended: number; failed: number }>;
}
