import { SinkFault, type RejectedEvent, type SiemEvent } from '../sink.js';

/** What came of a batch: taken whole, or refused for good, as a whole or in part. Temporary failures are thrown. */
export type BatchAnswer = { taken: true } | { taken: false; why: string };

/**
 * Sends a batch; of one that the receiver refuses for good, each event by itself, so that one bad event holds up no
 * other and is known by name. What was taken already may arrive twice.
 * @returns the refused ones.
 * @throws SinkFault when none was taken: an address or a setting that is wrong looks the same, and must not be taken for a
 * ledger full of bad events. A bad one that is alone waits until the next comes beside it. And what `send` throws.
 */
export async function sendOrFindRejected(
  events: readonly SiemEvent[],
  send: (events: readonly SiemEvent[]) => Promise<BatchAnswer>,
): Promise<RejectedEvent[]> {
  const whole = await send(events);
  if (whole.taken) return [];
  const rejected: RejectedEvent[] = [];
  for (const event of events.length === 1 ? [] : events) {
    const alone = await send([event]);
    if (!alone.taken) rejected.push({ uid: event.uid, why: alone.why });
  }
  if (events.length === 1 || rejected.length === events.length)
    throw new SinkFault(`${whole.why} It took none of ${String(events.length)}: look at its settings and ours.`);
  return rejected;
}
