import type pg from 'pg';
import type { StatementKind } from '../core/schemas/statements.js';
import { query } from '../record/postgres/pool.js';
import { parseEnvelope } from '../record/postgres/statement-rows.js';
import type { EntryProof, Ledger, LedgerEntry } from './ledger.js';
import { HASH_BYTES } from './merkle.js';
import { createTileReader, readCheckpoint, readEntryBytes } from './postgres/ledger-rows.js';
import { formatProof } from './proof.js';
import { encodeBundle, TILE_WIDTH, tileWidth, type Tile } from './tiles.js';
import { createTiledTree } from './tree.js';

/** The ledger in PostgreSQL, and its tiles. */
export interface PostgresLedger extends Ledger {
  /** The bytes of a tile that the newest checkpoint covers; null where it covers none of this width. */
  tile(tile: Tile): Promise<Uint8Array | null>;
}

/** The ledger as any process may read it. @param pool of that process's own role. */
export function createLedger(pool: pg.Pool): PostgresLedger {
  return {
    checkpoint: async () => (await readCheckpoint(pool))?.note ?? null,
    entries: (fromIndex, limit) => readEntries(pool, fromIndex, limit),
    prove: (digest) => prove(pool, digest),
    tile: (tile) => readTile(pool, tile),
  };
}

const MAX_ENTRIES = 1_000;

interface EntryRow {
  entry_index: string;
  leaf_hash: Buffer;
  kind: string;
  action_id: string | null;
  digest: string;
  envelope: string;
  recorded_at_ms: string;
}

const ENTRIES = {
  name: 'ledger-statements',
  text: `select entry_index, leaf_hash, kind, action_id, digest, envelope, recorded_at_ms
    from countersign.ledger_entries join countersign.statements using (sequence)
    where entry_index >= $1 and entry_index < (select max(size) from countersign.ledger_checkpoints)
    order by entry_index limit $2`,
};

async function readEntries(pool: pg.Pool, fromIndex: number, limit: number): Promise<LedgerEntry[]> {
  const rows = await query<EntryRow>(pool, ENTRIES, [fromIndex, Math.min(limit, MAX_ENTRIES)]);
  return rows.map((row) => ({
    index: Number(row.entry_index),
    leafHash: row.leaf_hash.toString('hex'),
    kind: row.kind as StatementKind,
    actionId: row.action_id,
    digest: row.digest,
    envelope: parseEnvelope(row.envelope),
    recordedAtMs: Number(row.recorded_at_ms),
  }));
}

const INDEX_OF = {
  name: 'ledger-index-of',
  text: `select entry_index from countersign.statements join countersign.ledger_entries using (sequence) where digest = $1`,
};

async function prove(pool: pg.Pool, digest: string): Promise<EntryProof | null> {
  const [row] = await query<{ entry_index: string }>(pool, INDEX_OF, [digest]);
  const newest = row === undefined ? null : await readCheckpoint(pool);
  const index = Number(row?.entry_index);
  if (newest === null || index >= newest.size) return null;
  const tree = createTiledTree(createTileReader(pool, newest.size));
  const hashes = await tree.inclusionProof(index, newest.size);
  return { index, proof: formatProof({ index, hashes, checkpoint: newest.note }) };
}

async function readTile(pool: pg.Pool, { level, index, width }: Tile): Promise<Uint8Array | null> {
  const newest = await readCheckpoint(pool);
  if (newest === null || tileWidth(level, index, newest.size) < width) return null;
  if (level === 'entries') return encodeBundle(await readEntryBytes(pool, index * TILE_WIDTH, width));
  const hashes = await createTileReader(pool, newest.size)(level, index);
  return hashes.subarray(0, width * HASH_BYTES);
}
