import type { WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';
import { signRequest, type RequestInput } from '../../src/client/requests.js';
import { TASK_QUEUES } from '../../src/contracts/activities.js';
import { PRIVILEGED_ACTION } from '../../src/contracts/workflow.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { agentSigner } from '../support/actors.js';
import type { Stack } from '../support/stack.js';
import { applicationFailureIn } from './forger.js';

/** A workflow that somebody started without the gateway, once it has ended; undefined: not by a failure of ours. */
export interface PastGateway {
  handle: WorkflowHandleWithFirstExecutionRunId;
  failure: ApplicationFailure | undefined;
}

/** Starts an action's workflow as whoever may write to the namespace can, with any input at all, and waits for its end. */
export async function startPastGateway(stack: Stack, actionId: string, ...args: unknown[]): Promise<PastGateway> {
  const handle = await stack.client.workflow.start(PRIVILEGED_ACTION, {
    workflowId: workflowIdOf(actionId),
    taskQueue: TASK_QUEUES.worker,
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    args,
  });
  return { handle, failure: applicationFailureIn(await handle.result().catch((error: unknown) => error)) };
}

/** The same by the test's agent, with a request that it signed. */
export async function askPastGateway(stack: Stack, asked: Omit<RequestInput, 'agent'>): Promise<PastGateway> {
  const { actionId, envelope } = await signRequest({ agent: 'export-bot', ...asked }, agentSigner(stack));
  return startPastGateway(stack, actionId, { request: envelope });
}
