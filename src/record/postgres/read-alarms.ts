import type pg from 'pg';
import { allOf, type AnyRecorded } from '../record.js';
import { query } from './pool.js';
import { recordedFrom, STATEMENT_COLUMNS, type StatementRow, type Verify } from './statement-rows.js';

const ALARMS = {
  name: 'alarms',
  text: `select ${STATEMENT_COLUMNS} from countersign.statements where kind in ('alarm', 'clearance') order by sequence`,
};

const WEEK_MS = 604_800_000;

/**
 * Alarms that stand, those cleared within a week, and what cleared them, oldest first; every signature is verified. Of all
 * there ever were, for a clearance counts by what was signed, never by the columns of its row: who can write a row must
 * not clear an alarm with it. What was verified once costs little.
 */
export async function readAlarms(pool: pg.Pool, verify: Verify): Promise<AnyRecorded[]> {
  const rows = await query<StatementRow>(pool, ALARMS, []);
  const statements = rows.map((row) => recordedFrom(row, verify));
  const since = Date.now() - WEEK_MS;
  // What was cleared a week ago is of no account to anyone who decides now.
  const past = new Set(
    allOf(statements, 'clearance').flatMap((one) => (one.recordedAtMs <= since ? [one.body.alarm] : [])),
  );
  return statements.filter((one) => !past.has(one.kind === 'clearance' ? one.body.alarm : one.digest));
}
