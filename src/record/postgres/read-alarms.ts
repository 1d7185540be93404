import type pg from 'pg';
import { Refusal } from '../../core/errors.js';
import { digestOf } from '../../core/json.js';
import { alarmStatesOf, standingAlarms, type AlarmState, type LostAlarm } from '../alarms.js';
import { appendUnder } from '../append-under.js';
import { allOf, type AnyRecorded, type Record as ActionRecord } from '../record.js';
import { query } from './pool.js';
import { readOrRefuse, type StatementRow, type Verify } from './statement-rows.js';

// One query: it is asked before each approval and each effect. What the ledger knows to be an alarm comes beside its row.
const ALARMS = {
  name: 'alarms',
  text: `select s.sequence, kind, action_id, digest, process, number, previous, key, envelope, recorded_at_ms,
      e.sequence as entry_sequence, alarm_digest, case when s.sequence is null then
        (select signed_at_ms from countersign.ledger_checkpoints where size > entry_index order by size limit 1) end as signed_at_ms
    from (select * from countersign.statements where kind in ('alarm', 'clearance')) s
    full join (select sequence, entry_index, alarm_digest from countersign.ledger_entries where alarm_digest is not null) e
      on e.sequence = s.sequence
    order by coalesce(s.sequence, e.sequence)`,
};

/** A statement, the ledger's entry of an alarm, or both. */
interface AlarmRow extends Omit<StatementRow, 'sequence'> {
  /** Null where no row of these kinds is at the entry's place. */
  sequence: string | null;
  entry_sequence: string | null;
  /** Of the alarm that was put into the ledger here; null where none was yet. */
  alarm_digest: string | null;
  signed_at_ms: string | null;
}

const WEEK_MS = 604_800_000;

/**
 * Makes the reader of alarms. It remembers which stood when it looked last: what is then neither on record nor known to the
 * ledger was removed from both, and is stated anew by this process.
 */
export function createAlarmReader(
  pool: pg.Pool,
  verify: Verify,
  record: Pick<ActionRecord, 'append'>,
): () => Promise<AlarmState[]> {
  const stood = new Map<string, AlarmState>();
  return async () => {
    // Of what is read while this one reads, it may not know yet.
    const before = new Map(stood);
    let read = await readAlarms(pool, verify);
    const known = new Set(read.alarms.map(({ digest }) => digest));
    const gone = [...before.values()].filter(({ digest }) => !known.has(digest));
    for (const alarm of gone) await stateAnew(alarm, record);
    if (gone.length > 0) read = await readAlarms(pool, verify);
    for (const digest of before.keys()) stood.delete(digest);
    // A row that does not verify says nothing that could be stated anew.
    for (const alarm of standingAlarms(read.alarms))
      if (!read.lost.has(alarm.digest) || before.has(alarm.digest))
        stood.set(alarm.digest, before.get(alarm.digest) ?? alarm);
    return read.alarms.filter(({ digest }) => !read.past.has(digest));
  };
}

async function stateAnew(
  { digest, body: { code, sentence, raisedAtMs } }: AlarmState,
  record: Pick<ActionRecord, 'append'>,
): Promise<void> {
  const since = new Date(raisedAtMs).toISOString();
  const body = {
    code: 'alarm_removed',
    severity: 'critical' as const,
    sentence:
      `The alarm ${code} of ${since} (${digest}) was removed from the record and from the ledger. It said: ${sentence}`.slice(
        0,
        1_000,
      ),
    stopsApprovals: true,
    raisedAtMs: Date.now(),
  };
  const draft = { kind: 'alarm' as const, actionId: null, requestDigest: digestOf(body), body };
  const key = `alarm_removed/${digest}`;
  const isOfThis = (stated: AnyRecorded): boolean => stated.kind === 'alarm' && stated.body.sentence === body.sentence;
  await appendUnder(record, draft, [key, `${key}/${String(body.raisedAtMs)}`], isOfThis);
}

interface AlarmsRead {
  alarms: AlarmState[];
  lost: ReadonlyMap<string, LostAlarm>;
  /** Those that were cleared more than a week ago, which are of no account to anyone who decides now. */
  past: ReadonlySet<string>;
}

/**
 * All alarms there ever were, oldest first; every signature is verified. For a clearance counts by what was signed, never by the columns of its row: who can write a row must not clear an alarm with
 * it. What was verified once costs little. A row that does not verify holds up no other: it is an alarm itself, and so is
 * one of which the ledger knows and the record does not.
 */
async function readAlarms(pool: pg.Pool, verify: Verify): Promise<AlarmsRead> {
  const statements: AnyRecorded[] = [];
  const lost = new Map<string, LostAlarm>();
  for (const row of await query<AlarmRow>(pool, ALARMS, [])) {
    const read = isPresent(row) ? readOrRefuse(row, verify) : null;
    if (read !== null && !(read instanceof Refusal)) statements.push(read);
    if (read instanceof Refusal || isMissing(row, read)) lost.set(nameOf(row), lostAlarm(row));
  }
  // One that was moved to another place is not lost.
  for (const { digest } of allOf(statements, 'alarm')) lost.delete(digest);
  const since = Date.now() - WEEK_MS;
  const past = new Set(
    allOf(statements, 'clearance').flatMap((one) => (one.recordedAtMs <= since ? [one.body.alarm] : [])),
  );
  return { alarms: alarmStatesOf(statements, [...lost.values()]), lost, past };
}

function isPresent(row: AlarmRow): row is AlarmRow & StatementRow {
  return row.sequence !== null;
}

/** Whether the ledger has another alarm at this place than the record. */
function isMissing({ alarm_digest: expected }: AlarmRow, read: AnyRecorded | null): boolean {
  return expected !== null && (read?.kind !== 'alarm' || read.digest !== expected);
}

function nameOf(row: AlarmRow): string {
  if (row.alarm_digest !== null) return row.alarm_digest;
  const { sequence, kind, action_id: actionId, digest, process, number, previous, envelope } = row;
  return digestOf({ unreadable: { sequence, kind, actionId, digest, process, number, previous, envelope } });
}

function lostAlarm(row: AlarmRow): LostAlarm {
  const isChanged = isPresent(row);
  const sequence = row.sequence ?? row.entry_sequence ?? '';
  const sentence = isChanged
    ? `Statement ${sequence} of the record, ${row.kind === 'alarm' ? 'an alarm' : 'what cleared an alarm'}, is not what a process stated: its row was changed, or made up.`
    : `Statement ${sequence} of the record was an alarm, as the ledger knows; its row was removed, or goes by another kind.`;
  const body = {
    code: isChanged ? 'alarm_changed' : 'alarm_removed',
    severity: 'critical' as const,
    sentence: `${sentence} Put it back as it was, or clear this one: docs/ledger.md says how.`,
    stopsApprovals: true,
    raisedAtMs: timeIn(isChanged ? row.recorded_at_ms : row.signed_at_ms),
  };
  return { digest: nameOf(row), body };
}

const LAST_MS = 8_640_000_000_000_000;

/** Nobody signed it: whatever it is, it must be a time. */
function timeIn(text: string | null): number {
  return Math.min(Math.max(0, Number(text ?? 0)), LAST_MS);
}
