import type { Client } from '@temporalio/client';
import type { HistorySize } from './sides.js';

/** Events and bytes of a workflow's history, as the server counts them. */
export async function sizeOfHistory(client: Client, workflowId: string): Promise<HistorySize> {
  const { historyLength, historySize } = await client.workflow.getHandle(workflowId).describe();
  return { events: historyLength, bytes: historySize ?? 0 };
}
