/** What can be wrong with a ledger, as alarms name it. */
export const LEDGER_FAULT_CODES = [
  'ledger_forked',
  'ledger_truncated',
  'ledger_gap',
  'ledger_row_changed',
  'ledger_row_missing',
  'ledger_tile_changed',
  'ledger_checkpoint_invalid',
  'ledger_mirror_invalid',
  'ledger_stands_still',
] as const;
export type LedgerFaultCode = (typeof LEDGER_FAULT_CODES)[number];

/** Something about the ledger or the rows under it that must never be. */
export interface LedgerFault {
  code: LedgerFaultCode;
  /** For people: what was seen, where. */
  sentence: string;
  /** Names this very fault, so that it is told once; another one of the same code has another. */
  what: string;
}

/** Thrown by the sequencer: it must not go on until people have looked. */
export class LedgerFaultError extends Error {
  override readonly name = 'LedgerFaultError';
  readonly fault: LedgerFault;

  constructor(fault: LedgerFault) {
    super(`${fault.code}: ${fault.sentence}`);
    this.fault = fault;
  }
}
