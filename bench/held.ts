import type { Client } from '@temporalio/client';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';

/** An action that waits for people. */
export interface Held {
  heldAtMs: number;
  /** What the first activity answered. */
  prepared: unknown;
}

interface Timestamp {
  seconds?: unknown;
  nanos?: number | null;
}

/**
 * Waits until the workflow has taken up the result of its first activity. The server pushes each event, so neither side
 * is disturbed by polling.
 * @throws Error when the workflow ended instead.
 */
export async function waitUntilHeld(client: Client, workflowId: string): Promise<Held> {
  let nextPageToken: Uint8Array | null = null;
  let prepared: { result: unknown } | null = null;
  for (;;) {
    const { events, next } = await nextEvents(client, workflowId, nextPageToken);
    for (const event of events) {
      const { activityTaskCompletedEventAttributes: completed } = event;
      if (completed && prepared === null)
        prepared = { result: await decode(client, workflowId, completed.result?.payloads?.[0]) };
      if (event.workflowTaskCompletedEventAttributes && prepared !== null)
        return { heldAtMs: toMs(event.eventTime ?? {}), prepared: prepared.result };
      if (event.workflowExecutionFailedEventAttributes || event.workflowExecutionCompletedEventAttributes)
        throw new Error(`${workflowId} ended before it was held.`);
    }
    nextPageToken = next;
  }
}

async function nextEvents(client: Client, workflowId: string, nextPageToken: Uint8Array | null) {
  const answer = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId },
    waitNewEvent: true,
    nextPageToken,
  });
  return { events: answer.history?.events ?? [], next: answer.nextPageToken };
}

async function decode({ options }: Client, workflowId: string, payload: Payload | null | undefined): Promise<unknown> {
  if (payload === null || payload === undefined) return null;
  const { namespace, loadedDataConverter } = options;
  const [codec] = loadedDataConverter.payloadCodecs;
  const [decoded] = (await codec?.decode([payload], { type: 'workflow', namespace, workflowId })) ?? [payload];
  return defaultPayloadConverter.fromPayload(decoded ?? payload);
}

function toMs({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1_000 + (nanos ?? 0) / 1_000_000;
}
