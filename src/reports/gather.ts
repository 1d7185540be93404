import { decodeTime, encodeTime } from 'ulid';
import type { Envelope } from '../core/dsse.js';
import { Refusal } from '../core/errors.js';
import { judgeStatements, verifyEach, type Verifying } from '../evidence/verify-statements.js';
import { rowOf, type ReportRow } from './report-row.js';

/** What is asked of the gateway. */
export interface ReportSource {
  /** Actions, newest first; `next` is `before` of the next page. */
  list(filter: { limit: number; before?: string }): Promise<{
    actions: readonly { actionId: string }[];
    /** Ids of actions whose statements the gateway itself does not take. */
    unreadable: readonly string[];
    next: string | null;
  }>;
  statements(actionId: string): Promise<Envelope[]>;
}

export interface Gathering extends Omit<Verifying, 'actionId'> {
  fromMs: number;
  toMs: number;
  nowMs: number;
  /** Told now and then how many actions were looked at. */
  onProgress?: (looked: number) => void;
}

/** As many as the gateway lists at once. */
const PAGE = 100;
const AT_ONCE = 4;
const DAY_MS = 86_400_000;

/**
 * How much older than the period an action of it can be: a request lives for 14 days at most, dated as many days back at
 * most, and what runs for weeks after that is found all the same.
 */
const LOOK_BACK_MS = 45 * DAY_MS;

/** An action id may run this far ahead of the clock, and a little. */
const AHEAD_MS = 120_000;

/** The rows of all actions that can belong to a period, newest first. Each statement's signature is checked here. */
export async function gatherRows(source: ReportSource, gathering: Gathering): Promise<ReportRow[]> {
  const { fromMs, toMs, onProgress } = gathering;
  const oldest = fromMs - LOOK_BACK_MS;
  const rows: ReportRow[] = [];
  let before: string | null = `${encodeTime(toMs + AHEAD_MS, 10)}${'Z'.repeat(16)}`;
  while (before !== null) {
    const page = await source.list({ limit: PAGE, before });
    const ids = [...page.actions.map(({ actionId }) => actionId), ...page.unreadable].filter(
      (id) => decodeTime(id) >= oldest,
    );
    for (let index = 0; index < ids.length; index += AT_ONCE) {
      const some = ids.slice(index, index + AT_ONCE);
      rows.push(...(await Promise.all(some.map(async (id) => readRow(source, id, gathering)))));
      onProgress?.(rows.length);
    }
    before = page.next !== null && decodeTime(page.next) >= oldest ? page.next : null;
  }
  return rows;
}

async function readRow(source: ReportSource, actionId: string, gathering: Gathering): Promise<ReportRow> {
  const { nowMs } = gathering;
  try {
    const envelopes = await source.statements(actionId);
    const read = verifyEach(envelopes, { ...gathering, actionId });
    const verdict = judgeStatements(envelopes, read, { actionId });
    return rowOf(actionId, { statements: read.recorded, verdict, nowMs });
  } catch (error) {
    // The gateway does not hand out a tampered action: the report must say so, not stop.
    if (!(error instanceof Refusal) || error.code !== 'statement_invalid') throw error;
    const checks = [{ ok: false, what: `The gateway does not hand it out: ${error.message}` }];
    return rowOf(actionId, { statements: [], verdict: { actionId, ok: false, checks }, nowMs });
  }
}
