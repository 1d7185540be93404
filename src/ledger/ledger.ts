import type { Envelope } from '../core/dsse.js';
import type { StatementKind } from '../core/schemas/statements.js';

/** One statement of the record with its place in the ledger. Its signature is not verified here. */
export interface LedgerEntry {
  /** From 0, without a gap. */
  index: number;
  /** Lower-case hex of SHA-256(0x00 ‖ entry). */
  leafHash: string;
  kind: StatementKind;
  actionId: string | null;
  /** SHA-256 of the payload: the statement's name. */
  digest: string;
  envelope: Envelope;
  recordedAtMs: number;
}

/** Proof that a statement is in the ledger. */
export interface EntryProof {
  index: number;
  /** `.tlog-proof` text, with the newest checkpoint in it. */
  proof: string;
}

/** The Merkle tree over the record, as far as a checkpoint is signed for it. Read-only. */
export interface Ledger {
  /** The newest checkpoint, a signed note; null before the first. @throws ServiceFault `record` */
  checkpoint(): Promise<string | null>;
  /**
   * Entries in their order, from an index; none beyond the newest checkpoint.
   * @param limit at most 1,000 are given.
   * @throws ServiceFault `record`
   */
  entries(fromIndex: number, limit: number): Promise<LedgerEntry[]>;
  /** Null while no checkpoint covers the statement, or when none has this digest. @throws ServiceFault `record` */
  prove(digest: string): Promise<EntryProof | null>;
}
