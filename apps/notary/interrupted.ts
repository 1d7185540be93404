import type { Client } from '@temporalio/client';
import type { ConcludeInput } from '../../src/contracts/activities.js';
import { PRIVILEGED_ACTION } from '../../src/contracts/workflow.js';

// Visibility is eventually consistent and a pass may fail: look back over many passes.
const LOOK_BACK_MS = 60 * 60 * 1000;
const MAX_RUNS = 200;

const INTERRUPTED: ConcludeInput['ended'] = {
  kind: 'not_run',
  status: 'cancelled',
  code: 'ended_from_outside',
  message: 'The workflow was terminated from outside.',
};

/** Whether a run still goes on; `unknown` when Temporal can't say. */
export async function isLiveRun(client: Client, workflowId: string, runId: string): Promise<boolean | 'unknown'> {
  try {
    const { status } = await client.workflow.getHandle(workflowId, runId).describe();
    return status.name === 'RUNNING';
  } catch (error) {
    return (error as { name?: string }).name === 'WorkflowNotFoundError' ? false : 'unknown';
  }
}

/**
 * Gives a receipt to actions whose workflow was terminated from outside: no clean-up of theirs ran, so without this
 * they would look open for ever.
 * @param conclude closes one action; idempotent.
 */
export async function concludeInterrupted(
  client: Client,
  hasReceipt: (actionId: string) => Promise<boolean>,
  conclude: (input: ConcludeInput) => Promise<unknown>,
  nowMs: number,
): Promise<number> {
  const since = new Date(nowMs - LOOK_BACK_MS).toISOString();
  const query = `WorkflowType = '${PRIVILEGED_ACTION}' AND ExecutionStatus = 'Terminated' AND CloseTime > '${since}'`;
  let seen = 0;
  let concluded = 0;
  for await (const { workflowId } of client.workflow.list({ query })) {
    seen += 1;
    if (seen > MAX_RUNS) break;
    const actionId = workflowId.replace(/^action\//, '');
    // A reset also terminates the old run; the new one goes on and concludes by itself.
    const current = await client.workflow.getHandle(workflowId).describe();
    if (current.status.name !== 'TERMINATED' || (await hasReceipt(actionId))) continue;
    await conclude({ actionId, ended: INTERRUPTED, closing: false });
    concluded += 1;
  }
  return concluded;
}
