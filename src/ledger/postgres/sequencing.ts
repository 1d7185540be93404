import type pg from 'pg';
import type { FullTile } from '../growing.js';

/** A statement that no entry names yet. */
export interface Unsequenced {
  sequence: number;
  kind: string;
  envelope: string;
}

/** An entry as it is inserted. */
export interface NewEntry {
  index: number;
  sequence: number;
  leafHash: Uint8Array;
  entry: Uint8Array;
}

/** One that is inserted; of an alarm, the digest of its payload. */
export type InsertedEntry = NewEntry & { alarmDigest: string | null };

/** The one session that may sequence. It ends with its connection, and all that it had not committed with it. */
export interface SequencingSession {
  /**
   * Statements behind `high`, and those of the `holes` that have been committed since: of one moment, in their order, the
   * first 32 MiB at most.
   */
  unsequenced(high: number, holes: readonly number[], limit: number): Promise<Unsequenced[]>;
  /** The highest sequence that an entry names; 0 without any. */
  high(): Promise<number>;
  /** Statements up to `high` that no entry names, and places that may yet be filled by a transaction that is under way. */
  missed(high: number): Promise<number[]>;
  /** Entries from an index on, with their statements' envelopes as they are now. */
  entriesFrom(index: number): Promise<(NewEntry & { envelope: string | null })[]>;
  insert(entries: readonly InsertedEntry[], tiles: readonly FullTile[]): Promise<void>;
  insertCheckpoint(size: number, note: string): Promise<void>;
  /** Lets another one sequence. */
  close(): void;
}

/** Takes the lock, if no other process has it. @returns null when one has. */
export async function openSequencingSession(pool: pg.Pool): Promise<SequencingSession | null> {
  const client = await pool.connect();
  const onBroken = (): void => undefined; // the next query says so
  client.on('error', onBroken);
  const close = (): void => {
    // Never back into the pool: it holds the lock.
    client.release(true);
  };
  try {
    // A process that stands still must not keep others from it.
    await client.query(`set idle_session_timeout = '${String(IDLE_SECONDS)}s'`);
    const { rows } = await client.query<{ locked: boolean }>(LOCK);
    if (rows[0]?.locked === true) return createSession(client, close);
  } catch (error) {
    close();
    throw error;
  }
  close();
  return null;
}

/** How long a sequencer may be silent before it loses its place. It asks for statements every two seconds. */
const IDLE_SECONDS = 30;

const LOCK = `select pg_try_advisory_lock(hashtextextended('countersign.ledger', 0)) as locked`;

// An envelope may have a megabyte: a batch of such must fit into memory, or none would ever be sequenced.
const BATCH_BYTES = 32 * 1_024 * 1_024;

// One scan: all its rows are of one moment, so that what came of a statement is never before it.
const UNSEQUENCED = {
  name: 'ledger-unsequenced',
  text: `select sequence, kind, envelope from (
      select sequence, kind, envelope, sum(octet_length(envelope)) over (order by sequence) as bytes from (
        select sequence, kind, envelope from countersign.statements s where sequence = any($2::bigint[])
          and not exists (select from countersign.ledger_entries e where e.sequence = s.sequence)
        union all
        (select sequence, kind, envelope from countersign.statements where sequence > $1 order by sequence limit $3)) found) measured
    where bytes <= ${String(BATCH_BYTES)} or bytes = octet_length(envelope)`,
};

const MISSED = {
  name: 'ledger-missed',
  text: `select sequence from countersign.statements s where sequence > $1 and sequence <= $2
    and not exists (select from countersign.ledger_entries e where e.sequence = s.sequence)`,
};

const PLACES = {
  name: 'ledger-places',
  text: `select g as sequence from generate_series($1::bigint, $2::bigint) g
    where not exists (select from countersign.ledger_entries e where e.sequence = g)`,
};

const ENTRIES_FROM = {
  name: 'ledger-entries-from',
  text: `select entry_index, e.sequence, leaf_hash, entry, envelope from countersign.ledger_entries e
    left join countersign.statements using (sequence) where entry_index >= $1 order by entry_index limit 1000`,
};

// One statement, and so one transaction in one round trip.
const INSERT = {
  name: 'ledger-insert',
  text: `with tiles as (insert into countersign.ledger_tiles (level, tile_index, root, hashes)
      select * from unnest($5::smallint[], $6::bigint[], $7::bytea[], $8::bytea[]))
    insert into countersign.ledger_entries (entry_index, sequence, leaf_hash, entry, alarm_digest)
    select * from unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[], $9::text[])`,
};

// Each keeps under the time that a statement may take.
const MISSED_AT_ONCE = 100_000;
// Behind it, a place that is still empty was left by a transaction that failed.
const RECENT_PLACES = 10_000;

interface EntryRow {
  entry_index: string;
  sequence: string;
  leaf_hash: Buffer;
  entry: Buffer;
  envelope: string | null;
}

function createSession(client: pg.PoolClient, close: () => void): SequencingSession {
  const sequences = async (query: pg.QueryConfig): Promise<number[]> =>
    (await client.query<{ sequence: string }>(query)).rows.map(({ sequence }) => Number(sequence));
  return {
    async unsequenced(high, holes, limit) {
      const values = [high, holes, limit];
      const { rows } = await client.query<{ sequence: string; kind: string; envelope: string }>({
        ...UNSEQUENCED,
        values,
      });
      return rows
        .map((row) => ({ ...row, sequence: Number(row.sequence) }))
        .sort((one, other) => one.sequence - other.sequence);
    },
    async high() {
      const { rows } = await client.query<{ high: string | null }>(
        'select max(sequence) as high from countersign.ledger_entries',
      );
      return Number(rows[0]?.high ?? 0);
    },
    async missed(high) {
      const found = new Set<number>();
      for (let start = 0; start < high; start += MISSED_AT_ONCE) {
        const values = [start, Math.min(start + MISSED_AT_ONCE, high)];
        for (const sequence of await sequences({ ...MISSED, values })) found.add(sequence);
      }
      const values = [Math.max(1, high - RECENT_PLACES), high];
      for (const sequence of await sequences({ ...PLACES, values })) found.add(sequence);
      return [...found];
    },
    async entriesFrom(index) {
      const { rows } = await client.query<EntryRow>({ ...ENTRIES_FROM, values: [index] });
      return rows.map((row) => ({
        index: Number(row.entry_index),
        sequence: Number(row.sequence),
        leafHash: row.leaf_hash,
        entry: row.entry,
        envelope: row.envelope,
      }));
    },
    async insert(entries, tiles) {
      const values = [
        entries.map(({ index }) => index),
        entries.map(({ sequence }) => sequence),
        entries.map(({ leafHash }) => leafHash),
        entries.map(({ entry }) => entry),
        tiles.map(({ level }) => level),
        tiles.map(({ index }) => index),
        tiles.map(({ root }) => root),
        tiles.map(({ hashes }) => hashes),
        entries.map(({ alarmDigest }) => alarmDigest),
      ];
      await client.query({ ...INSERT, values });
    },
    async insertCheckpoint(size, note) {
      await client.query('insert into countersign.ledger_checkpoints (size, note) values ($1, $2)', [size, note]);
    },
    close,
  };
}
