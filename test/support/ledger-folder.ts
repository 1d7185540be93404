import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { formatCheckpoint } from '../../src/ledger/checkpoint.js';
import { leafHash, rootOf } from '../../src/ledger/merkle.js';
import { signNote } from '../../src/ledger/note.js';
import { encodeBundle, TILE_WIDTH, tilePath } from '../../src/ledger/tiles.js';
import { ORIGIN, type SigningYard } from './evidence.js';

/** Entries as a ledger of that many statements has them; those of other `names` are others. */
export function someEntries(size: number, name = 'statement'): Uint8Array[] {
  return Array.from({ length: size }, (_, at) => new TextEncoder().encode(`${name} ${String(at)}`));
}

export async function signCheckpoint(yard: SigningYard, entries: readonly Uint8Array[]): Promise<string> {
  const text = formatCheckpoint({ origin: ORIGIN, size: entries.length, root: rootOf(entries.map(leafHash)) });
  const { publicKey } = yard.keys.checkpoint.publicKey;
  return signNote(text, { name: ORIGIN, publicKey }, yard.keys.checkpoint.signer);
}

/** Writes a mirror of a ledger, as tlog-tiles lays it out. */
export async function writeLedger(folder: string, entries: readonly Uint8Array[], checkpoint: string): Promise<void> {
  const put = async (path: string, bytes: Uint8Array | string): Promise<void> => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  };
  await put('checkpoint', checkpoint);
  const tilesOf = <T>(all: readonly T[]): [index: number, tile: T[]][] =>
    Array.from({ length: Math.ceil(all.length / TILE_WIDTH) }, (_, index) => [
      index,
      all.slice(index * TILE_WIDTH, (index + 1) * TILE_WIDTH),
    ]);
  for (const [index, tile] of tilesOf(entries))
    await put(tilePath({ level: 'entries', index, width: tile.length }), encodeBundle(tile));
  let hashes = entries.map(leafHash);
  for (let level = 0; hashes.length > 0; level += 1) {
    const tiles = tilesOf(hashes);
    for (const [index, tile] of tiles) await put(tilePath({ level, index, width: tile.length }), Buffer.concat(tile));
    hashes = tiles.filter(([, tile]) => tile.length === TILE_WIDTH).map(([, tile]) => rootOf(tile));
  }
}
