import {
  WorkflowNotFoundError,
  type Client,
  type WorkflowExecutionDescription,
  type WorkflowExecutionStatusName,
} from '@temporalio/client';
import { PLACE_GIVEN_UP } from '../../src/channels/message/given-up.js';
import type { ConcludeInput } from '../../src/contracts/activities.js';
import { isOpen } from '../../src/contracts/run-status.js';
import { PRIVILEGED_ACTION } from '../../src/contracts/workflow.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { allOf, latest, type AnyRecorded, type Record as ActionRecord } from '../../src/record/record.js';

// More than a namespace of ours is meant to hold open at once; the rest is seen once these are closed.
const MAX_OPEN = 10_000;
// Each costs one question to Temporal a pass.
const SAMPLE = 20;

const FROM_OUTSIDE: Extract<ConcludeInput['ended'], { kind: 'not_run' }> = {
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
  onInternal: (error: unknown) => void;
}

/** Whether a run still goes on; `unknown` when Temporal can't say. */
export async function isLiveRun(client: Client, workflowId: string, runId: string): Promise<boolean | 'unknown'> {
  const status = await statusOf(client, workflowId, runId);
  return status === 'unknown' ? status : isOpen(status);
}

/**
 * Makes the pass that gives a receipt to actions whose workflow ended without one: refused by policy after the preview,
 * terminated, cancelled while it prepared, timed out, deleted. No clean-up of theirs ran, so without this they would
 * look open for ever and count against their agent's quota. A run that was reset behind its effect ends, too.
 * @returns how many were closed.
 */
export function createInterruptedPass(options: InterruptedOptions): () => Promise<number> {
  const { client, record, conclude, onInternal } = options;
  // Whoever ran the effect learns of the end as its session dies, and puts the outcome on record a moment later.
  let awaited = new Set<string>();
  const sample = createSampler(SAMPLE);
  return async () => {
    const open = await record.listActions({ open: true, limit: MAX_OPEN });
    if (open.length === 0) return 0;
    const running = await runningWorkflows(client);
    const awaitedNext = new Set<string>();
    let concluded = 0;
    const ended = open.filter((id) => !running.has(workflowIdOf(id)));
    // A deleted workflow can stay in the list as running for ever: some of those are asked themselves, in turn.
    const unsure = sample(open.filter((id) => running.has(workflowIdOf(id))));
    for (const actionId of [...ended, ...unsure]) {
      try {
        const found = await endOf(options, actionId);
        if (found === null) continue;
        if (found.inEffect && !awaited.has(actionId)) {
          awaitedNext.add(actionId);
          continue;
        }
        await conclude({ actionId, ended: found.ended, closing: false });
        concluded += 1;
      } catch (error) {
        // One whose statements do not verify must not keep the others open.
        onInternal(error);
      }
    }
    awaited = awaitedNext;
    return concluded;
  };
}

/** Makes a function that picks some of what it is given, those first that it picked longest ago. */
function createSampler(size: number): (ids: readonly string[]) => string[] {
  let turn = 0;
  const pickedAt = new Map<string, number>();
  return (ids) => {
    const present = new Set(ids);
    for (const id of pickedAt.keys()) if (!present.has(id)) pickedAt.delete(id);
    turn += 1;
    const picked = [...ids].sort((one, other) => (pickedAt.get(one) ?? 0) - (pickedAt.get(other) ?? 0)).slice(0, size);
    for (const id of picked) pickedAt.set(id, turn);
    return picked;
  };
}

/** How the action's workflow ended; null when it goes on, when nothing is known, or when it never began. */
async function endOf(
  { client, record }: InterruptedOptions,
  actionId: string,
): Promise<{ ended: ConcludeInput['ended']; inEffect: boolean } | null> {
  // The list is a moment old; this is not. A reset also ends a run: the newest counts.
  const run = await describeRun(client, workflowIdOf(actionId));
  const status = typeof run === 'string' ? run : run.status.name;
  if (status === 'unknown') return null;
  const isReset = typeof run !== 'string' && run.raw.workflowExecutionInfo?.firstRunId !== run.runId;
  if (isOpen(status) && !isReset) return null;
  const statements = await record.ofAction(actionId);
  if (isOpen(status)) {
    // It waits for approvals that nobody can give any more. Cancelled, it ends with what is on record.
    if (latest(statements, 'result') !== undefined) await client.workflow.getHandle(workflowIdOf(actionId)).cancel();
    return null;
  }
  if (status === 'none' && !hadWorkflow(statements)) return null;
  const inEffect = latest(statements, 'effect') !== undefined && latest(statements, 'result') === undefined;
  return { ended: hintOf(status, statements), inEffect };
}

/** What to look for on record; the receipt says what is found there. */
function hintOf(status: Status, statements: readonly AnyRecorded[]): ConcludeInput['ended'] {
  const refusal = allOf(statements, 'refusal').findLast(({ body }) => body.code !== PLACE_GIVEN_UP)?.body;
  // A failed workflow was refused: what refused it is on record.
  if (status === 'FAILED' && refusal !== undefined)
    return { kind: 'not_run', status: 'refused', code: refusal.code, message: refusal.message };
  // A workflow task or an activity that a stranger took over can swallow an end that people or the agent decided.
  if (latest(statements, 'withdrawal') !== undefined) return { ...FROM_OUTSIDE, status: 'withdrawn' };
  if (allOf(statements, 'decision').some(({ body }) => body.decision === 'deny'))
    return { ...FROM_OUTSIDE, status: 'denied' };
  return FROM_OUTSIDE;
}

/** A request whose workflow was never started is its agent's to send again; one that got further had a workflow. */
function hadWorkflow(statements: readonly AnyRecorded[]): boolean {
  return latest(statements, 'lease') !== undefined || latest(statements, 'preview') !== undefined;
}

/** Workflow ids of all actions that run, as the list says: it is a moment old. */
export async function runningWorkflows(client: Client): Promise<Set<string>> {
  const query = `WorkflowType = '${PRIVILEGED_ACTION}' AND ExecutionStatus = 'Running'`;
  const ids = new Set<string>();
  for await (const { workflowId } of client.workflow.list({ query, pageSize: 1_000 })) ids.add(workflowId);
  return ids;
}

type Status = WorkflowExecutionStatusName | 'none' | 'unknown';

async function statusOf(client: Client, workflowId: string, runId?: string): Promise<Status> {
  const run = await describeRun(client, workflowId, runId);
  return typeof run === 'string' ? run : run.status.name;
}

/** The run, or the newest; `none` when there is none, `unknown` when Temporal can't say. */
export async function describeRun(
  client: Client,
  workflowId: string,
  runId?: string,
): Promise<WorkflowExecutionDescription | 'none' | 'unknown'> {
  try {
    return await client.workflow.getHandle(workflowId, runId).describe();
  } catch (error) {
    return error instanceof WorkflowNotFoundError ? 'none' : 'unknown';
  }
}
