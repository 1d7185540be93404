import type { Directory, Provenance } from '../directory/directory.js';
import type { Target } from '../targets/targets.js';
import type { RefusalCode } from '../core/errors.js';
import type { Budget, Flag, ReviewPlan, TargetRef } from '../core/schemas/action.js';

/** What policy is asked about. */
export interface PolicyQuestion {
  agent: string;
  operation: string;
  target: TargetRef;
  /** Flags found by the preview; empty for the request question. */
  flags: readonly Flag[];
  nowMs: number;
}

/** May this person approve this? */
export interface ApproveQuestion extends PolicyQuestion {
  person: string;
  /** On whose behalf it was asked for; absent or null: everyone who may prompt the agent is barred. */
  provenance?: Provenance | null;
}

/** Why policy says no. `self_approval` is said by code, whatever the policies say. */
export type PolicyRefusalCode = Extract<
  RefusalCode,
  | 'agent_unknown'
  | 'operation_unknown'
  | 'target_unknown'
  | 'person_unknown'
  | 'policy_forbids'
  | 'not_an_approver'
  | 'self_approval'
>;

/** A no: a code for programs and one sentence for people. */
export interface PolicyRefusal {
  allowed: false;
  code: PolicyRefusalCode;
  because: string;
}

/** `policies`: ids of the permits that determined it, sorted. */
export type Verdict = { allowed: true; policies: string[] } | PolicyRefusal;

/** The answer to "is it reviewed, by whom?". An automatic one is a plan without stages. */
export type ReviewVerdict = { allowed: true; plan: ReviewPlan } | PolicyRefusal;

/** Budgets that one permit names. */
export interface PermitBudgets {
  permit: string;
  /** What the permit is about, and each budget counts for itself. */
  operations: string[];
  budgets: Budget[];
}

/** A loaded, verified policy bundle: Cedar policies, schema, directory and targets of one digest. */
export interface Policy {
  /** SHA-256 over the bundle's files; and its number in the chain of bundles. */
  bundle: { digest: string; number: number };
  directory: Directory;
  target(name: string): Target | undefined;
  targets(): Target[];
  /** Groups that some permit lets decide, at once, by an escalation or by breaking the glass, sorted. */
  approverGroups(): string[];
  /** Of all permits that name some. */
  budgets(): PermitBudgets[];
  /** May this agent ask for this at all? Asked before anything touches the target. */
  mayRequest(question: PolicyQuestion): Verdict;
  /** With the flags known: forbidden, automatic, or by whom reviewed. The strictest union of all determining permits. */
  review(question: PolicyQuestion): ReviewVerdict;
  /** May this person approve this? Separation of duties is enforced in code besides; no policy can switch it off. */
  mayApprove(question: ApproveQuestion): Verdict;
}
