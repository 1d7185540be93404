import type { StatementBody } from '../core/schemas/statements.js';
import { allOf, type AnyRecorded } from './record.js';

/** An alarm as it counts, and as it is listed. */
export interface AlarmState {
  /** Of the signed statement; of one that is not on record as it was stated, see `LostAlarm`. */
  digest: string;
  body: StatementBody<'alarm'>;
  /** Null while it stands. */
  cleared: StatementBody<'clearance'> | null;
}

/**
 * What is left of an alarm, or of a clearance, that is not on record as it was stated. Nobody can say any more what it said,
 * so it stops approvals. Its `digest` is the alarm's own where the ledger knows it; else that of the row as it is, so that
 * clearing it clears no other content of the row.
 */
export type LostAlarm = Omit<AlarmState, 'cleared'>;

/** Alarms that nobody cleared. Each is cleared by a statement that names its digest. */
export function standingAlarms(alarms: readonly AlarmState[]): AlarmState[] {
  return alarms.filter(({ cleared }) => cleared === null);
}

/** Alarms and who cleared them, oldest first; behind them what was lost. */
export function alarmStatesOf(statements: readonly AnyRecorded[], lost: readonly LostAlarm[] = []): AlarmState[] {
  const clearances = new Map(allOf(statements, 'clearance').map(({ body }) => [body.alarm, body]));
  return [...allOf(statements, 'alarm'), ...lost].map(({ digest, body }) => ({
    digest,
    body,
    cleared: clearances.get(digest) ?? null,
  }));
}
