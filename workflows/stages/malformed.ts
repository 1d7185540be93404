import { ApplicationFailure } from '@temporalio/workflow';

/**
 * Whoever completes an activity by its id may answer anything, or with a payload that cannot be opened. What that breaks
 * would fail each workflow task from then on; so it fails the workflow, and the notary goes on from what has ended.
 */
export async function failingOnMalformed<Result>(way: () => Promise<Result>): Promise<Result> {
  try {
    return await way();
  } catch (error) {
    throw isMalformed(error) ? malformedAnswer(error) : error;
  }
}

function isMalformed(error: unknown): error is Error {
  return error instanceof TypeError || error instanceof RangeError;
}

function malformedAnswer(cause: Error): ApplicationFailure {
  const message = 'What an activity is said to have answered is malformed.';
  return ApplicationFailure.create({ type: 'statement_invalid', message, nonRetryable: true, cause });
}
