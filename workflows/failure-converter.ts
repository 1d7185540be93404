import { DefaultFailureConverter } from '@temporalio/common';

/** Messages and stacks of failures are payloads too: what they quote is encrypted with them. */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
