import { ApplicationFailure, setHandler, workflowInfo } from '@temporalio/workflow';
import type { CountedDecision, Prepared } from '../../src/contracts/activities.js';
import {
  decideSignal,
  decideUpdate,
  reviewStateQuery,
  withdrawUpdate,
  type DecisionAnswer,
  type ReviewState,
} from '../../src/contracts/workflow.js';
import type { RefusalCode } from '../../src/core/errors.js';
import { open } from '../../src/core/dsse.js';
import { countQuorum, type QuorumState } from '../../src/core/quorum.js';
import type { Outcome } from '../../src/core/schemas/action.js';
import { readDecision, readWithdrawal } from './read-statement.js';
import { createDisplay } from './visibility.js';

// A flood of signals must not grow the history without end: what comes beyond this is dropped, the update still works.
const MAX_HINTS = 50;

/** How the review stands. */
export interface Standing {
  denied: CountedDecision | null;
  /** The agent's reason. */
  withdrawn: string | null;
  quorum: QuorumState;
}

/** Where decisions arrive. One per workflow; registered before the first await, so that nothing comes too early. */
export interface ReviewDesk {
  open(prepared: Prepared): void;
  /** Drops all decisions: what was approved is no longer what would run. */
  reopen(): void;
  hasNews(): boolean;
  /** True once after each approval that did not fill the quorum. */
  takeChange(): boolean;
  takeHint(): { envelope: unknown } | undefined;
  count(decision: CountedDecision): void;
  escalateTo(group: string): void;
  standing(): Standing;
  showRunning(): void;
  showClosing(): void;
  showOverdue(outcome: Outcome): void;
  showDone(result: { outcome: Outcome; lease: string }): void;
}

export function openReviewDesk(): ReviewDesk {
  const display = createDisplay();
  let prepared: Prepared | null = null;
  let phase: ReviewState['phase'] = 'preparing';
  let decisions: CountedDecision[] = [];
  let escalated: string[] = [];
  let withdrawn: string | null = null;
  let changed = false;
  let hintsSeen = 0;
  const hints: { envelope: unknown }[] = [];

  const standing = (): Standing => {
    const approvals = decisions.filter(({ decision }) => decision === 'approve');
    const quorum = prepared === null ? { filled: false, open: [] } : countQuorum(prepared.plan, approvals, escalated);
    return { denied: decisions.find(({ decision }) => decision === 'deny') ?? null, withdrawn, quorum };
  };
  const show = (): void => {
    if (prepared !== null) display.review(prepared, standing().quorum, decisions, escalated);
  };
  const count = (decision: CountedDecision): void => {
    // One decision a person: the first stands.
    if (phase !== 'waiting' || decisions.some(({ person }) => person === decision.person)) return;
    if (prepared?.barred.includes(decision.person) === true) return;
    decisions.push(decision);
    changed = true;
    show();
  };
  const answer = (): DecisionAnswer => {
    const { denied, quorum } = standing();
    return { state: denied !== null ? 'denied' : quorum.filled ? 'filled' : 'waiting', open: quorum.open };
  };

  setHandler(
    decideUpdate,
    (envelope) => {
      const decision = prepared === null ? null : readDecision(envelope, prepared);
      if (decision !== null) count(decision.counted);
      return answer();
    },
    {
      validator: (envelope) => {
        if (prepared === null) refuse('action_unknown', 'The action is still being prepared; send the decision again.');
        if (phase !== 'waiting') refuse('action_closed', 'The review is closed.');
        const opened = open(envelope, prepared.decisionKeys);
        if (!opened.ok) refuse(opened.fault, 'The decision is not signed by the gateway.');
        const decision = readDecision(envelope, prepared);
        if (decision === null)
          refuse('digest_mismatch', 'The decision is about another action or another version of it.');
        // Compared here only: validators are not replayed, and after a reset the run id differs.
        if (decision.runId !== workflowInfo().runId) refuse('run_mismatch', 'The decision was made for another run.');
        const { person } = decision.counted;
        if (prepared.barred.includes(person))
          refuse('self_approval', `${person} may not decide on this agent's action.`);
        if (decisions.some((earlier) => earlier.person === person))
          refuse('already_decided', `${person} has decided already.`);
        if (!isEligible(decision.counted, prepared, escalated)) {
          refuse('not_an_approver', `${person} is in no group that may decide now.`);
        }
      },
      description: 'A decision signed by the gateway.',
    },
  );

  setHandler(decideSignal, (envelope: unknown) => {
    hintsSeen += 1;
    if (hintsSeen <= MAX_HINTS) hints.push({ envelope });
  });

  setHandler(
    withdrawUpdate,
    (envelope) => {
      const withdrawal = prepared === null ? null : readWithdrawal(envelope, prepared);
      if (withdrawal !== null && phase === 'waiting') withdrawn = withdrawal.reason;
      return undefined;
    },
    {
      validator: (envelope) => {
        if (prepared === null)
          refuse('action_unknown', 'The action is still being prepared; send the withdrawal again.');
        if (phase !== 'waiting') refuse('action_closed', 'The review is closed.');
        if (readWithdrawal(envelope, prepared) === null)
          refuse('signature_invalid', 'The withdrawal is not signed by the agent.');
      },
      description: 'A withdrawal signed by the agent.',
    },
  );

  setHandler(reviewStateQuery, () => ({
    phase,
    round: prepared?.round ?? 0,
    approvals: decisions.filter(({ decision }) => decision === 'approve').map(({ person }) => person),
    open: standing().quorum.open,
    expiresAtMs: prepared?.expiresAtMs ?? null,
  }));

  return {
    open(next) {
      prepared = next;
      phase = 'waiting';
      show();
    },
    reopen() {
      phase = 'preparing';
      decisions = [];
      escalated = [];
      changed = false;
      prepared = null;
    },
    hasNews: () => {
      const { denied, quorum } = standing();
      return hints.length > 0 || changed || withdrawn !== null || denied !== null || quorum.filled;
    },
    takeChange() {
      const was = changed;
      changed = false;
      return was;
    },
    takeHint: () => hints.shift(),
    count,
    escalateTo(group) {
      escalated.push(group);
      show();
    },
    standing,
    showRunning() {
      phase = 'running';
      if (prepared !== null)
        display.stage(prepared, {
          state: 'running',
          lease: 'open',
          details: 'Approved; the executor runs it under a lease of its own.',
        });
    },
    showClosing() {
      phase = 'closing';
    },
    showOverdue(outcome) {
      if (prepared !== null)
        display.stage(prepared, {
          state: outcome.status,
          lease: 'overdue',
          details: `${outcome.message} The end of the lease is not proven yet; revocation is retried.`,
        });
    },
    showDone({ outcome, lease }) {
      phase = 'done';
      if (prepared !== null) display.stage(prepared, { state: outcome.status, lease, details: outcome.message });
    },
  };
}

function isEligible(decision: CountedDecision, prepared: Prepared, escalated: readonly string[]): boolean {
  return [...prepared.plan.stages.map(({ group }) => group), ...escalated].some((group) =>
    decision.groups.includes(group),
  );
}

function refuse(code: RefusalCode, message: string): never {
  throw ApplicationFailure.create({ type: code, message, nonRetryable: true });
}
