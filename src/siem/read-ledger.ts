import { Refusal } from '../core/errors.js';
import { parseCheckpoint } from '../ledger/checkpoint.js';
import type { Ledger, LedgerEntry } from '../ledger/ledger.js';

/** A place of the ledger: what stands there, or that what must stand there is gone. */
export type LedgerPlace = { index: number; entry: LedgerEntry } | { index: number; entry: null; why: string };

/** What stands for the leaf hash of a place that nobody can read: the index names it. */
export function uidOfMissing(index: number): string {
  return `missing-${String(index)}`;
}

/** What the SIEM reads of the ledger. */
export type ReadableLedger = Pick<Ledger, 'checkpoint' | 'entries'>;

/** How many entries the newest checkpoint covers; 0 before the first. @throws ServiceFault `record`; Refusal `statement_invalid` */
export async function ledgerSize(ledger: Pick<Ledger, 'checkpoint'>): Promise<number> {
  const note = await ledger.checkpoint();
  if (note === null) return 0;
  const checkpoint = parseCheckpoint(note.slice(0, note.indexOf('\n\n') + 1));
  if (checkpoint === null) throw new Refusal('statement_invalid', 'The newest checkpoint of the ledger is malformed.');
  return checkpoint.size;
}

/**
 * The places from an index on, each of them: a row that was removed or spoiled must not hide behind its neighbours, nor
 * hold up the alarm that tells of it.
 * @throws ServiceFault `record`
 */
export async function readPlaces(
  ledger: ReadableLedger,
  { from, size, limit }: { from: number; size: number; limit: number },
): Promise<LedgerPlace[]> {
  const end = Math.min(from + limit, size);
  if (from >= end) return [];
  const places = await readAll(ledger, from, end).catch((error: unknown) => {
    if (error instanceof Refusal) return null;
    throw error;
  });
  if (places !== null) return places;
  // One row can't be read, and with it none of them: each by itself.
  const alone: LedgerPlace[] = [];
  for (let index = from; index < end; index += 1)
    alone.push(
      ...(await readAll(ledger, index, index + 1).catch((error: unknown): LedgerPlace[] => {
        if (error instanceof Refusal) return [{ index, entry: null, why: error.message }];
        throw error;
      })),
    );
  return alone;
}

async function readAll(ledger: ReadableLedger, from: number, end: number): Promise<LedgerPlace[]> {
  const entries = new Map((await ledger.entries(from, end - from)).map((entry) => [entry.index, entry]));
  return Array.from({ length: end - from }, (_, offset) => {
    const index = from + offset;
    const entry = entries.get(index);
    const why = 'The statement that this entry of the ledger names is not on record any more.';
    return entry === undefined ? { index, entry: null, why } : { index, entry };
  });
}
