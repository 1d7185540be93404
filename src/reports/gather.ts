import { decodeTime, encodeTime } from 'ulid';
import type { Envelope } from '../core/dsse.js';
import { judgeStatements, verifyEach, type Verifying } from '../evidence/verify-statements.js';
import { rowOf, type ReportRow } from './report-row.js';

/** What is asked of the gateway. */
export interface ReportSource {
  /** The statements of actions older than this id, newest first; `next` is `before` of the next page. */
  statementsBefore(before: string): Promise<{
    actions: readonly { actionId: string; statements: readonly Envelope[] }[];
    /** Ids of actions whose statements the gateway itself does not take. */
    unreadable: readonly string[];
    next: string | null;
  }>;
}

export interface Gathering extends Omit<Verifying, 'actionId'> {
  fromMs: number;
  toMs: number;
  nowMs: number;
  /** Told now and then how many actions were looked at. */
  onProgress?: (looked: number) => void;
}

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
    const page = await source.statementsBefore(before);
    const found = [
      ...page.actions.map(({ actionId, statements }) => ({ actionId, statements })),
      ...page.unreadable.map((actionId) => ({ actionId, statements: null })),
    ].filter(({ actionId }) => decodeTime(actionId) >= oldest);
    for (const { actionId, statements } of found) rows.push(readRow(actionId, statements, gathering));
    onProgress?.(rows.length);
    before = page.next !== null && decodeTime(page.next) >= oldest ? page.next : null;
  }
  return rows;
}

/** @param envelopes null for a tampered action, which the gateway does not hand out: the report must say so, not stop. */
function readRow(actionId: string, envelopes: readonly Envelope[] | null, gathering: Gathering): ReportRow {
  const { nowMs } = gathering;
  if (envelopes === null) {
    const checks = [{ ok: false, what: 'The gateway does not hand it out: its statements do not verify.' }];
    return rowOf(actionId, { statements: [], verdict: { actionId, ok: false, checks }, nowMs });
  }
  const read = verifyEach(envelopes, { ...gathering, actionId });
  return rowOf(actionId, { statements: read.recorded, verdict: judgeStatements(envelopes, read, { actionId }), nowMs });
}
