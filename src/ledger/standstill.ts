import type pg from 'pg';
import { query } from '../record/postgres/pool.js';
import type { LedgerFault } from './faults.js';

const BEHIND = {
  name: 'ledger-behind',
  text: `select coalesce((select max(size) from countersign.ledger_checkpoints), 0) as size,
    exists (select from countersign.statements
      where sequence > (select coalesce(max(sequence), 0) from countersign.ledger_entries))
    or exists (select from countersign.ledger_entries
      where entry_index >= (select coalesce(max(size), 0) from countersign.ledger_checkpoints)) as waits`,
};

// A sequencer that ends is followed within a second; a database that fails over takes minutes.
const PATIENCE_MS = 600_000;

/**
 * Makes the look at whether the ledger stands still while statements wait to be put into it: nobody sequences, or who holds
 * the lock does not. Anyone who may connect to the database can hold it.
 * @returns a look, to be taken again and again, at a time; it answers with the fault once ten minutes went by without a
 *   further checkpoint.
 */
export function createStandstillLook(pool: pg.Pool): (nowMs: number) => Promise<LedgerFault | null> {
  let last = { size: -1, sinceMs: 0 };
  return async (nowMs) => {
    const [row] = await query<{ size: string; waits: boolean }>(pool, BEHIND, []);
    const size = Number(row?.size ?? 0);
    if (row?.waits !== true || size !== last.size) last = { size, sinceMs: nowMs };
    if (nowMs - last.sinceMs < PATIENCE_MS) return null;
    const sentence = `Statements wait to be put into the ledger, and for ten minutes no checkpoint was signed behind that of ${String(size)} entries: no notary sequences, or another session holds its lock.`;
    return { code: 'ledger_stands_still', sentence, what: String(size) };
  };
}
