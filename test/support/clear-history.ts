import type { Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { decodeHistory } from '../../src/codec/decode-history.js';
import { actionIdIn } from '../../src/contracts/workflow-id.js';

/** A workflow's history with its payloads in clear, by a client that has the keys. */
export async function clearHistoryOf(
  client: Client,
  workflowId: string,
  runId?: string,
): Promise<temporal.api.history.v1.IHistory> {
  const { namespace, loadedDataConverter } = client.options;
  const [codec] = loadedDataConverter.payloadCodecs;
  const encoded = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  if (codec === undefined) return encoded;
  const { history, undecodable } = await decodeHistory(codec, { namespace, workflowId, history: encoded });
  // A run of a schedule is handed the result of the one before, which belongs to that one.
  if (undecodable > 0 && actionIdIn(workflowId) !== null)
    throw new Error(`${workflowId}: ${String(undecodable)} payloads were not opened`);
  return history;
}
