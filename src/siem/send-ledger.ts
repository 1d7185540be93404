import { ServiceFault } from '../core/errors.js';
import type { SiemCursors } from './cursors.js';
import { ledgerSize, readPlaces, uidOfMissing, type LedgerPlace, type ReadableLedger } from './read-ledger.js';
import { SinkFault, type OpenSink, type SiemEvent } from './sink.js';

/** A receiver, and how it is opened. */
export interface Destination {
  name: string;
  kind: string;
  /** See `SinkKind`. */
  resendAfterBreak: number;
  open(): Promise<OpenSink>;
}

export interface SendingOptions {
  destination: Destination;
  ledger: ReadableLedger;
  cursors: SiemCursors;
  eventsOf(places: readonly LedgerPlace[]): Promise<SiemEvent[]>;
  /** Told of what is wrong: once when it begins, and whenever it is another thing. */
  onFault(sink: string, error: unknown): void;
}

/** What a pass came to: nothing is left; more is; or it failed, and the next one is due after a while. */
export type Pass = { kind: 'idle' } | { kind: 'sent'; count: number } | { kind: 'failed'; retryInMs: number };

/** Sends the ledger to one receiver, in its order, each entry at least once. */
export interface LedgerSender {
  /** One batch. Never rejects; never two at once. */
  pass(): Promise<Pass>;
  /** Lets go of the connection; the next pass makes another. */
  close(): Promise<void>;
}

/** Bounded: what waits stays in the ledger, never in memory. One entry's statement may have 900 KB. */
export const BATCH_ENTRIES = 50;

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

interface Line {
  sink: OpenSink;
  /** The next entry that this connection is given. */
  next: number;
}

export function createLedgerSender(options: SendingOptions): LedgerSender {
  const { destination, cursors, onFault } = options;
  let line: Line | null = null;
  let failures = 0;
  let lastFault = '';

  const close = async (): Promise<void> => {
    const old = line;
    line = null;
    await old?.sink.close();
  };
  return {
    close,
    async pass() {
      try {
        if (line !== null && !line.sink.isAlive()) {
          await close();
          throw new SinkFault('The connection broke; what was sent last is sent again.', 0);
        }
        line ??= await openLine(options);
        const count = await sendBatch(line, options);
        failures = 0;
        lastFault = '';
        return count === 0 ? { kind: 'idle' } : { kind: 'sent', count };
      } catch (error) {
        await close();
        failures += 1;
        const message = error instanceof Error ? error.message : 'Internal error.';
        if (message !== lastFault) onFault(destination.name, error);
        lastFault = message;
        // What is not ours to explain must not be shown to people.
        const isKnown = error instanceof SinkFault || error instanceof ServiceFault || error instanceof LedgerMismatch;
        await cursors.fail(destination.name, isKnown ? message : 'Internal error; see the log.').catch(() => undefined);
        const asked = error instanceof SinkFault ? error.retryAfterMs : null;
        const doubled = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 10), LONGEST_PAUSE_MS);
        return { kind: 'failed', retryInMs: Math.max(asked ?? 0, asked === 0 ? 0 : doubled) };
      }
    },
  };
}

/** The ledger is not the one that this receiver was sent before: going on would hide that. */
class LedgerMismatch extends Error {
  override readonly name = 'LedgerMismatch';

  constructor(sink: string, next: number) {
    super(
      `The ledger is not the one that ${sink} was sent up to entry ${String(next)}: it was changed, or restored from an older backup. Look into it; see docs/siem.md.`,
    );
  }
}

async function openLine({ destination, cursors, ledger }: SendingOptions): Promise<Line> {
  const { next, lastUid } = await cursors.open(destination.name, destination.kind);
  const size = await ledgerSize(ledger);
  const last = next === 0 ? [] : await readPlaces(ledger, { from: next - 1, size, limit: 1 });
  // One that was missing when it was told of may have been put back since: that is what people are asked to do.
  const isOther = last.some(
    ({ index, entry }) => entry !== null && ![entry.leafHash, uidOfMissing(index)].includes(lastUid ?? ''),
  );
  if (next > size || isOther) throw new LedgerMismatch(destination.name, next);
  return { sink: await destination.open(), next: Math.max(0, next - destination.resendAfterBreak) };
}

async function sendBatch(
  line: Line,
  { destination, ledger, cursors, eventsOf, onFault }: SendingOptions,
): Promise<number> {
  const size = await ledgerSize(ledger);
  // It may have been cut off while the connection stood: what grows there now is another ledger.
  if (size < line.next) throw new LedgerMismatch(destination.name, line.next);
  const places = await readPlaces(ledger, { from: line.next, size, limit: BATCH_ENTRIES });
  const events = await eventsOf(places);
  const last = events.at(-1);
  if (last === undefined) {
    await cursors.beat(destination.name);
    return 0;
  }
  const rejected = await line.sink.send(events);
  for (const { uid, why } of rejected)
    onFault(destination.name, new SinkFault(`Event ${uid} was refused for good: ${why}`));
  // After the receiver has them: a crash in between sends them again, and loses none.
  await cursors.advance(destination.name, { next: last.index + 1, lastUid: last.uid, rejected: rejected.length });
  line.next = last.index + 1;
  return events.length;
}
