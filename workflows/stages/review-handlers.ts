import { ApplicationFailure, setHandler, workflowInfo } from '@temporalio/workflow';
import {
  decideSignal,
  decideUpdate,
  learnKeysUpdate,
  reviewStateQuery,
  withdrawUpdate,
} from '../../src/contracts/workflow.js';
import type { VerifyEd25519 } from '../../src/core/ed25519.js';
import type { RefusalCode } from '../../src/core/errors.js';
import type { Prepared } from '../../src/contracts/activities.js';
import { accepted, readDecision, readWithdrawal } from './read-statement.js';
import type { LearntKeys, ReviewTally } from './review-tally.js';

export interface HandlerEvents {
  /** A decision was counted. */
  onCounted(): void;
  /** Something came as a signal; it counts only once an activity has verified it. */
  onHint(envelope: unknown): void;
  /** Reads the keys of now; null when they could not be read. */
  readKeys(): Promise<LearntKeys | null>;
}

/**
 * Registers all handlers. None of them throws, whatever it is sent: only validators refuse, and a refused update
 * leaves nothing in the history.
 */
export function registerHandlers(tally: ReviewTally, { onCounted, onHint, readKeys }: HandlerEvents): void {
  setHandler(
    decideUpdate,
    (envelope) => {
      const decision = tally.prepared === null ? null : readDecision(envelope, tally.prepared, trustOf());
      if (decision?.ok === true && tally.count(decision.counted)) onCounted();
      return tally.answer();
    },
    {
      validator: (envelope) => {
        judgeDecision(envelope, tally);
      },
      description: 'A decision signed by the gateway.',
    },
  );
  setHandler(decideSignal, onHint);
  setHandler(
    withdrawUpdate,
    (envelope) => {
      const withdrawal = tally.prepared === null ? null : readWithdrawal(envelope, tally.prepared, trustOf());
      if (withdrawal !== null && tally.phase === 'waiting') tally.withdrawn = withdrawal.reason;
      return undefined;
    },
    {
      validator: (envelope) => {
        const prepared = requireOpen(tally);
        if (readWithdrawal(envelope, prepared) === null) {
          refuse('signature_invalid', 'The withdrawal is not signed by the agent.');
        }
      },
      description: 'A withdrawal signed by the agent.',
    },
  );
  setHandler(
    learnKeysUpdate,
    async () => {
      tally.timesLearnt += 1;
      const keys = await readKeys();
      if (keys !== null) tally.learn(keys);
      return undefined;
    },
    {
      validator: () => {
        requireOpen(tally);
        // Each is an activity in the history: a flood of them must not fill it.
        if (tally.timesLearnt >= MAX_LEARNT) refuse('quota_exceeded', 'The action has learned keys often enough.');
      },
      description: 'Learn the keys of now, after one was rotated.',
    },
  );
  setHandler(reviewStateQuery, () => tally.describe());
}

const MAX_LEARNT = 20;

/** What a validator has just let through is believed. Of a history nobody is: there each signature is verified again. */
function trustOf(): VerifyEd25519 | undefined {
  return workflowInfo().unsafe.isReplaying ? undefined : accepted;
}

function judgeDecision(envelope: unknown, tally: ReviewTally): void {
  const prepared = requireOpen(tally);
  const decision = readDecision(envelope, prepared);
  if (!decision.ok) {
    refuse(
      decision.fault,
      decision.fault === 'digest_mismatch'
        ? 'The decision is about another action or another version of it.'
        : 'The decision is not signed by the gateway.',
    );
  }
  // Compared here only: validators are not replayed, and after a reset the run id differs.
  if (decision.runId !== workflowInfo().runId) refuse('run_mismatch', 'The decision was made for another run.');
  const { person } = decision.counted;
  if (prepared.barred.includes(person)) refuse('self_approval', `${person} may not decide on this agent's action.`);
  if (tally.hasDecided(decision.counted)) refuse('already_decided', `${person} has decided already.`);
  if (!tally.isEligible(decision.counted)) {
    refuse('not_an_approver', `${person} is in no group that may decide now.`);
  }
}

function requireOpen({ prepared, phase }: ReviewTally): Prepared {
  if (prepared === null) refuse('action_unknown', 'The action is still being prepared; send it again.');
  if (phase !== 'waiting') refuse('action_closed', 'The review is closed.');
  return prepared;
}

function refuse(code: RefusalCode, message: string): never {
  throw ApplicationFailure.create({ type: code, message, nonRetryable: true });
}
