import type pg from 'pg';
import { query } from '../record/postgres/pool.js';

/** How far a sink has been sent the ledger, and how it fares. */
export interface SinkCursor {
  sink: string;
  kind: string;
  /** Index of the next entry to be sent. */
  next: number;
  /** Leaf hash of the last one that was sent; null before the first. */
  lastUid: string | null;
  /** How many events the receiver refused for good. */
  rejected: number;
  sentAtMs: number | null;
  /** Of the last attempt, where it failed; without secrets. */
  lastError: string | null;
  failingSinceMs: number | null;
  /** When a notary last worked for this sink. */
  seenAtMs: number;
}

/** What has been sent, in the record's database. Cursors never go back. */
export interface SiemCursors {
  /** The cursor of a sink; made where there is none. */
  open(sink: string, kind: string): Promise<SinkCursor>;
  /** Notes that all before `next` were sent, or refused for good. */
  advance(sink: string, to: { next: number; lastUid: string; rejected: number }): Promise<void>;
  fail(sink: string, error: string): Promise<void>;
  /** Notes that the sink is served, and that nothing is wrong. */
  beat(sink: string): Promise<void>;
  list(): Promise<SinkCursor[]>;
}

/** Table and rights, for the record's migrations: the notary sends, the gateway shows. */
export function siemCursorsSql({ gateway, notary }: { gateway: string; notary: string }): string {
  return `
  create table countersign.siem_cursors (
    sink text collate "C" primary key check (sink ~ '^[a-z][a-z0-9-]{0,62}$'),
    kind text not null check (length(kind) <= 40),
    next_index bigint not null default 0 check (next_index >= 0),
    last_uid text collate "C" check (length(last_uid) <= 100),
    rejected bigint not null default 0,
    sent_at timestamptz,
    last_error text check (length(last_error) <= 500),
    failing_since timestamptz,
    seen_at timestamptz not null default clock_timestamp()
  );
  grant select on countersign.siem_cursors to ${gateway}, ${notary};
  grant insert (sink, kind) on countersign.siem_cursors to ${notary};
  grant update (kind, next_index, last_uid, rejected, sent_at, last_error, failing_since, seen_at) on countersign.siem_cursors to ${notary};
  create function countersign.keep_siem_cursor() returns trigger language plpgsql as $$
  begin
    if new.next_index < old.next_index then
      raise exception 'countersign.siem_cursors: a cursor never goes back' using errcode = 'insufficient_privilege';
    end if;
    return new;
  end $$;
  create trigger keeps before update on countersign.siem_cursors
    for each row execute function countersign.keep_siem_cursor();`;
}

const COLUMNS = 'sink, kind, next_index, last_uid, rejected, sent_at, last_error, failing_since, seen_at';

export function createSiemCursors(pool: pg.Pool): SiemCursors {
  return {
    async open(sink, kind) {
      const [row] = await query<Row>(
        pool,
        `insert into countersign.siem_cursors (sink, kind) values ($1, $2)
         on conflict (sink) do update set kind = excluded.kind, seen_at = clock_timestamp() returning ${COLUMNS}`,
        [sink, kind],
      );
      if (row === undefined) throw new Error('createSiemCursors: the cursor that was made is not there');
      return cursorOf(row);
    },
    async advance(sink, { next, lastUid, rejected }) {
      // A sender that lost its place to another one must not take it back.
      await query(
        pool,
        `update countersign.siem_cursors set next_index = $2, last_uid = $3, rejected = rejected + $4,
           sent_at = clock_timestamp(), seen_at = clock_timestamp(), last_error = null, failing_since = null
         where sink = $1 and next_index < $2`,
        [sink, next, lastUid, rejected],
      );
    },
    async fail(sink, error) {
      await query(
        pool,
        `update countersign.siem_cursors set last_error = $2, seen_at = clock_timestamp(),
           failing_since = coalesce(failing_since, clock_timestamp()) where sink = $1`,
        [sink, error.slice(0, 500)],
      );
    },
    async beat(sink) {
      await query(
        pool,
        `update countersign.siem_cursors set seen_at = clock_timestamp(), last_error = null, failing_since = null where sink = $1`,
        [sink],
      );
    },
    async list() {
      const rows = await query<Row>(pool, `select ${COLUMNS} from countersign.siem_cursors order by sink`, []);
      return rows.map(cursorOf);
    },
  };
}

interface Row {
  sink: string;
  kind: string;
  next_index: string;
  last_uid: string | null;
  rejected: string;
  sent_at: Date | null;
  last_error: string | null;
  failing_since: Date | null;
  seen_at: Date;
}

function cursorOf(row: Row): SinkCursor {
  return {
    sink: row.sink,
    kind: row.kind,
    next: Number(row.next_index),
    lastUid: row.last_uid,
    rejected: Number(row.rejected),
    sentAtMs: row.sent_at?.getTime() ?? null,
    lastError: row.last_error,
    failingSinceMs: row.failing_since?.getTime() ?? null,
    seenAtMs: row.seen_at.getTime(),
  };
}
