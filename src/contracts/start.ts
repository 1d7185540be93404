import type { WorkflowStartOptions } from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';
import type { Envelope } from '../core/dsse.js';
import { TASK_QUEUES } from './activities.js';
import { SEARCH_ATTRIBUTES } from './search-attributes.js';
import type { PrivilegedActionInput } from './workflow.js';
import { workflowIdOf } from './workflow-id.js';

/** What is shown of an action before its preview exists, in the words of whoever starts it. Never encoded: nothing secret. */
export interface ActionStart {
  actionId: string;
  agent: string;
  operation: string;
  /** Absent where it is not known yet, as the environment is to an agent. */
  target?: string;
  environment?: string;
  request: Envelope;
}

/** How an action's workflow is started: once, with no cron, no run time-out (it would skip the clean-up), and ending no running one. */
export function startOptionsOf({
  actionId,
  agent,
  operation,
  target,
  environment,
  request,
}: ActionStart): WorkflowStartOptions & { args: [PrivilegedActionInput] } {
  return {
    workflowId: workflowIdOf(actionId),
    taskQueue: TASK_QUEUES.worker,
    args: [{ request }],
    workflowIdReusePolicy: 'REJECT_DUPLICATE',
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: `${operation}${target === undefined ? '' : ` on ${target}`}, asked by ${agent}`,
    staticDetails: `Action \`${actionId}\` of agent \`${agent}\`.`,
    typedSearchAttributes: new TypedSearchAttributes([
      { key: SEARCH_ATTRIBUTES.state, value: 'preparing' },
      { key: SEARCH_ATTRIBUTES.operation, value: operation },
      { key: SEARCH_ATTRIBUTES.agent, value: agent },
      ...(environment === undefined ? [] : [{ key: SEARCH_ATTRIBUTES.environment, value: environment }]),
    ]),
  };
}
