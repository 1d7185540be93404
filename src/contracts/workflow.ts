import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Envelope } from '../core/dsse.js';
import type { Outcome } from '../core/schemas/action.js';

/** Name of the workflow type. */
export const PRIVILEGED_ACTION = 'privilegedAction';

export interface PrivilegedActionInput {
  /** The agent's signed request. */
  request: Envelope;
}

export interface PrivilegedActionResult {
  actionId: string;
  outcome: Outcome;
  lease: 'none' | 'open' | 'revoked';
}

/** What the sender of a decision learns. */
export interface DecisionAnswer {
  /** `filled`: this was the last one missing; `denied`: the action is denied. */
  state: 'waiting' | 'filled' | 'denied';
  /** Places still open, by group. */
  open: { group: string; places: number }[];
  /** Places for which nobody breaks the glass yet; absent where the plan offers no such thing. */
  glass?: { group: string; places: number }[];
}

/** What the workflow tells about itself; people read the record instead. */
export interface ReviewState {
  phase: 'preparing' | 'waiting' | 'running' | 'closing' | 'done';
  round: number;
  approvals: string[];
  /** Those of them who break the glass; absent where the plan offers no such thing. */
  breaking?: string[];
  open: { group: string; places: number }[];
  expiresAtMs: number | null;
}

/** A gateway-signed decision. Its outcome is the update's result; a refusal is a RefusalCode as failure type. */
export const decideUpdate = defineUpdate<DecisionAnswer, [Envelope]>('decide');
/** The same as a hint: it counts only after an activity has verified it. */
export const decideSignal = defineSignal<[unknown]>('decide');
/** An agent-signed withdrawal. */
export const withdrawUpdate = defineUpdate<undefined, [Envelope]>('withdraw');
/** Has a waiting action learn the keys of now, when one was rotated after it was prepared. Gives no right: the executor verifies by its own keyring. */
export const learnKeysUpdate = defineUpdate<undefined>('learnKeys');
export const reviewStateQuery = defineQuery<ReviewState>('review');
