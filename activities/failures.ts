import { ApplicationFailure, CancelledFailure } from '@temporalio/activity';
import { AlreadyAsked, Refusal, ServiceFault, type RefusalCode } from '../src/core/errors.js';

/** Another attempt was first: whoever asks again learns what it does, and no refusal ends the action. */
const TAKEN_MEANWHILE: RefusalCode = 'already_claimed';

/**
 * The one place where our errors become Temporal's. Only codes and our own sentences pass: the stack and the cause
 * of a driver's error may hold what must not enter a history.
 */
function toFailure(error: unknown): ApplicationFailure | CancelledFailure {
  if (error instanceof CancelledFailure || error instanceof ApplicationFailure) return error;
  if (error instanceof Refusal) {
    return ApplicationFailure.create({
      type: error.code,
      message: error.message,
      nonRetryable: error.code !== TAKEN_MEANWHILE,
      details: [{ field: error.field, ...(error instanceof AlreadyAsked && { first: error.first }) }],
    });
  }
  if (error instanceof ServiceFault) {
    return ApplicationFailure.create({
      type: `${error.service}_unavailable`,
      message: error.message,
      nonRetryable: false,
      ...(error.retryAfterMs === null ? {} : { nextRetryDelay: error.retryAfterMs }),
    });
  }
  const name = error instanceof Error ? error.name : typeof error;
  return ApplicationFailure.create({
    type: 'internal',
    message: `Internal error (${name}); see the process's log.`,
    nonRetryable: false,
  });
}

/** Runs an activity's body and translates what it throws. */
export async function translated<T>(onInternal: (error: unknown) => void, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    const failure = toFailure(error);
    // What lasts needs somebody who reads the log: there the cause stands, in PostgreSQL's own words.
    const lasts = error instanceof ServiceFault && error.service === 'record' && !error.temporary;
    if (lasts || (failure instanceof ApplicationFailure && failure.type === 'internal')) onInternal(error);
    throw failure;
  }
}
