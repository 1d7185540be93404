import type pg from 'pg';
import { query } from '../../record/postgres/pool.js';
import { HASH_BYTES } from '../merkle.js';
import { TILE_WIDTH, tileWidth } from '../tiles.js';
import type { ReadTile } from '../tree.js';

/** Reads tiles of hashes from the ledger's rows, as wide as a tree of this size has them. */
export function createTileReader(pool: pg.Pool, size: number): ReadTile {
  return async (level, index) => {
    const width = tileWidth(level, index, size);
    const full = await query<{ hashes: Buffer }>(pool, FULL_TILE, [level, index]);
    if (full[0] !== undefined) return full[0].hashes.subarray(0, width * HASH_BYTES);
    const first = index * TILE_WIDTH;
    const below =
      level === 0
        ? query<HashRow>(pool, LEAVES, [first, width])
        : query<HashRow>(pool, ROOTS, [level - 1, first, width]);
    return Buffer.concat((await below).map(({ hash }) => hash));
  };
}

/** Entries from an index on, in their order. */
export async function readEntryBytes(pool: pg.Pool, first: number, count: number): Promise<Uint8Array[]> {
  const rows = await query<{ entry: Buffer }>(pool, ENTRIES, [first, count]);
  return rows.map(({ entry }) => entry);
}

/** The note of the newest checkpoint; null before the first. */
export async function readCheckpoint(pool: pg.Pool): Promise<{ size: number; note: string } | null> {
  const [row] = await query<{ size: string; note: string }>(pool, CHECKPOINT, []);
  return row === undefined ? null : { size: Number(row.size), note: row.note };
}

interface HashRow {
  hash: Buffer;
}

const FULL_TILE = {
  name: 'ledger-full-tile',
  text: 'select hashes from countersign.ledger_tiles where level = $1 and tile_index = $2',
};

const LEAVES = {
  name: 'ledger-leaves',
  text: `select leaf_hash as hash from countersign.ledger_entries
    where entry_index >= $1::bigint and entry_index < $1::bigint + $2::int order by entry_index`,
};
const ROOTS = {
  name: 'ledger-roots',
  text: `select root as hash from countersign.ledger_tiles
    where level = $1 and tile_index >= $2::bigint and tile_index < $2::bigint + $3::int order by tile_index`,
};
const ENTRIES = {
  name: 'ledger-entries',
  text: `select entry from countersign.ledger_entries
    where entry_index >= $1::bigint and entry_index < $1::bigint + $2::int order by entry_index`,
};
const CHECKPOINT = {
  name: 'ledger-checkpoint',
  text: 'select size, note from countersign.ledger_checkpoints order by size desc limit 1',
};
