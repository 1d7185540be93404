import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import type { ConcludeInput } from '../../src/contracts/activities.js';

/** How the way to the effect ended, as far as the workflow knows; the receipt says what the record proves. */
export type Ended = ConcludeInput['ended'];

/** Turns what broke the review or the run into an end that `conclude` can close. */
export function endedBy(error: unknown, cancelled: boolean): Ended {
  if (cancelled) {
    return { kind: 'not_run', status: 'cancelled', code: 'cancelled', message: 'The workflow was cancelled.' };
  }
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure && cause.nonRetryable) {
    return { kind: 'not_run', status: 'refused', code: cause.type ?? 'refused', message: cause.message };
  }
  const message = error instanceof Error ? error.message : 'The action could not go on.';
  return { kind: 'not_run', status: 'failed', code: 'nothing_ran', message };
}
