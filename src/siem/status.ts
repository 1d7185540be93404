import type { SiemCursors, SinkCursor } from './cursors.js';
import { ledgerSize, readPlaces, type ReadableLedger } from './read-ledger.js';

/** A sink's cursor, and what it lags behind the ledger. */
export interface SinkStatus extends SinkCursor {
  lagEntries: number;
  /** Age of the oldest entry that was not sent; 0 when all were. */
  lagSeconds: number;
}

export interface SiemStatus {
  /** Entries that the newest checkpoint of the ledger covers. */
  ledgerSize: number;
  sinks: SinkStatus[];
}

/** How far each sink is, reckoned from the ledger itself: a notary that stands still cannot make it look better. */
export async function readSiemStatus({
  cursors,
  ledger,
  clock,
}: {
  cursors: Pick<SiemCursors, 'list'>;
  ledger: ReadableLedger;
  clock: () => number;
}): Promise<SiemStatus> {
  const [size, all] = await Promise.all([ledgerSize(ledger), cursors.list()]);
  const sinks = await Promise.all(
    all.map(async (cursor): Promise<SinkStatus> => {
      const [oldest] = await readPlaces(ledger, { from: cursor.next, size, limit: 1 });
      const lagSeconds =
        oldest?.entry == null ? 0 : Math.max(0, Math.round((clock() - oldest.entry.recordedAtMs) / 1_000));
      return { ...cursor, lagEntries: Math.max(0, size - cursor.next), lagSeconds };
    }),
  );
  return { ledgerSize: size, sinks };
}
