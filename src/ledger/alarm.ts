import { digestOf, sha256Hex } from '../core/json.js';
import { appendUnder } from '../record/append-under.js';
import type { AnyRecorded, Record as ActionRecord } from '../record/record.js';
import type { LedgerFault } from './faults.js';

/**
 * Raises an alarm about the ledger, signed by this process: until somebody clears it nothing is approved or run, unless the
 * ledger only stands still. The same fault is told once; it does not come back when it was cleared and is still there, but
 * every other one does.
 */
export async function raiseLedgerAlarm(
  record: Pick<ActionRecord, 'append'>,
  { code, sentence, what }: LedgerFault,
  raisedAtMs: number,
): Promise<void> {
  const body = {
    code,
    severity: 'critical' as const,
    sentence: `${sentence} ${WHAT_TO_DO}`,
    // What waits is not lost, and is numbered already.
    stopsApprovals: code !== 'ledger_stands_still',
    raisedAtMs,
  };
  const draft = { kind: 'alarm' as const, actionId: null, requestDigest: digestOf(body), body };
  const key = `${code}/${what}`.slice(0, 220);
  const keys = [key, `${key}/${sha256Hex(body.sentence)}`, `${key}/${sha256Hex(body.sentence)}/${String(raisedAtMs)}`];
  // An alarm that was cleared must not be moved to where this one would stand.
  const isTold = (stated: AnyRecorded): boolean =>
    stated.kind === 'alarm' &&
    stated.body.code === code &&
    (stated.body.sentence === body.sentence || code === 'ledger_truncated');
  await appendUnder(record, draft, keys, isTold);
}

const WHAT_TO_DO = 'What to do is in docs/ledger.md.';
