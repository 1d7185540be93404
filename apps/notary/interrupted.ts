import { WorkflowNotFoundError, type Client, type WorkflowExecutionStatusName } from '@temporalio/client';
import type { ConcludeInput } from '../../src/contracts/activities.js';
import { PRIVILEGED_ACTION } from '../../src/contracts/workflow.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { latest, type AnyRecorded, type Record as ActionRecord } from '../../src/record/record.js';

// More than a namespace of ours is meant to hold open at once; the rest is seen once these are closed.
const MAX_OPEN = 10_000;

const FROM_OUTSIDE: ConcludeInput['ended'] = {
  kind: 'not_run',
  status: 'cancelled',
  code: 'ended_from_outside',
  message: 'The workflow was ended from outside.',
};

export interface InterruptedOptions {
  client: Client;
  record: Pick<ActionRecord, 'listActions' | 'ofAction'>;
  /** Closes one action; idempotent. */
  conclude(input: ConcludeInput): Promise<unknown>;
}

/** Whether a run still goes on; `unknown` when Temporal can't say. */
export async function isLiveRun(client: Client, workflowId: string, runId: string): Promise<boolean | 'unknown'> {
  const status = await statusOf(client, workflowId, runId);
  return status === 'unknown' ? status : status === 'RUNNING' || status === 'PAUSED';
}

/**
 * Makes the pass that gives a receipt to actions whose workflow ended without one: refused by policy after the preview,
 * terminated, cancelled while it prepared, timed out, deleted. No clean-up of theirs ran, so without this they would
 * look open for ever and count against their agent's quota.
 * @returns how many were closed.
 */
export function createInterruptedPass({ client, record, conclude }: InterruptedOptions): () => Promise<number> {
  // Whoever ran the effect learns of the end as its session dies, and puts the outcome on record a moment later.
  let awaited = new Set<string>();
  return async () => {
    const open = await record.listActions({ open: true, limit: MAX_OPEN });
    if (open.length === 0) return 0;
    const running = await runningWorkflows(client);
    const awaitedNext = new Set<string>();
    let concluded = 0;
    for (const actionId of open.filter((id) => !running.has(workflowIdOf(id)))) {
      // The list is a moment old; this is not. A reset also ends a run: the newest counts.
      const status = await statusOf(client, workflowIdOf(actionId));
      if (status === 'unknown' || status === 'RUNNING' || status === 'PAUSED') continue;
      const statements = await record.ofAction(actionId);
      if (status === 'none' && !hadWorkflow(statements)) continue;
      const inEffect = latest(statements, 'effect') !== undefined && latest(statements, 'result') === undefined;
      if (inEffect && !awaited.has(actionId)) {
        awaitedNext.add(actionId);
        continue;
      }
      await conclude({ actionId, ended: endOf(status, statements), closing: false });
      concluded += 1;
    }
    awaited = awaitedNext;
    return concluded;
  };
}

/** A failed workflow was refused: what refused it is on record. */
function endOf(status: Status, statements: readonly AnyRecorded[]): ConcludeInput['ended'] {
  const refusal = latest(statements, 'refusal')?.body;
  if (status !== 'FAILED' || refusal === undefined) return FROM_OUTSIDE;
  return { kind: 'not_run', status: 'refused', code: refusal.code, message: refusal.message };
}

/** A request whose workflow was never started is its agent's to send again; one that got further had a workflow. */
function hadWorkflow(statements: readonly AnyRecorded[]): boolean {
  return latest(statements, 'lease') !== undefined || latest(statements, 'preview') !== undefined;
}

async function runningWorkflows(client: Client): Promise<Set<string>> {
  const query = `WorkflowType = '${PRIVILEGED_ACTION}' AND ExecutionStatus = 'Running'`;
  const ids = new Set<string>();
  for await (const { workflowId } of client.workflow.list({ query, pageSize: 1_000 })) ids.add(workflowId);
  return ids;
}

type Status = WorkflowExecutionStatusName | 'none' | 'unknown';

async function statusOf(client: Client, workflowId: string, runId?: string): Promise<Status> {
  try {
    return (await client.workflow.getHandle(workflowId, runId).describe()).status.name;
  } catch (error) {
    return error instanceof WorkflowNotFoundError ? 'none' : 'unknown';
  }
}
