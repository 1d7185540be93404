// What nobody may do to the workflow without a patch: here it waits a second before it begins.
import { sleep } from '@temporalio/workflow';
import { privilegedAction as original } from '../../dist/workflows/index.js';

export async function privilegedAction(input) {
  await sleep('1 second');
  return original(input);
}
