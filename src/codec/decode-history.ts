import type { Payload, PayloadCodec } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import { isSealed, whyUndecodable } from './sealed-payload.js';

type History = temporal.api.history.v1.IHistory;

export interface DecodedHistory {
  /** A copy with every payload in clear; what could not be opened is marked in it. */
  history: History;
  /** How many payloads could not be opened. */
  undecodable: number;
}

/**
 * A workflow's history as it was before encryption, for replay and for the archive.
 * @throws ServiceFault `vault` when a key is not known and Vault cannot be asked.
 */
export async function decodeHistory(
  codec: Pick<PayloadCodec, 'decode'>,
  { namespace, workflowId, history }: { namespace: string; workflowId: string; history: History },
): Promise<DecodedHistory> {
  let undecodable = 0;
  const decodePayload = async (payload: Payload): Promise<Payload> => {
    const [decoded = payload] = await codec.decode([payload], { type: 'workflow', namespace, workflowId });
    if (whyUndecodable(decoded) !== null) undecodable += 1;
    return decoded;
  };
  const decodeIn = async (value: unknown): Promise<unknown> => {
    if (Array.isArray(value)) return Promise.all(value.map(decodeIn));
    if (!isMessage(value)) return value;
    if (isSealed(value)) return decodePayload(value);
    // Messages of protobuf.js keep their defaults in their prototypes.
    const copy = Object.create(Object.getPrototypeOf(value) as object | null) as Record<string, unknown>;
    for (const [name, member] of Object.entries(value)) copy[name] = await decodeIn(member);
    return copy;
  };
  return { history: (await decodeIn(history)) as History, undecodable };
}

/** A message, or a map of messages; not bytes, and no 64-bit number. */
function isMessage(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && !('unsigned' in value);
}
