import { createFrontier, foldSubtrees, HASH_BYTES, rootOf, type Frontier } from './merkle.js';
import { consistencyRanges, inclusionRanges, subtreesOf, type Range, type Subtree } from './ranges.js';
import { TILE_WIDTH } from './tiles.js';

/** Hashes of a tile one after the other, as many as it has by now. */
export type ReadTile = (level: number, index: number) => Promise<Uint8Array>;

/** A tree that lies in tiles. Each question reads the few tiles that it needs. */
export interface TiledTree {
  root(size: number): Promise<Uint8Array>;
  /** As the tree of this size stands, to let it grow. */
  frontier(size: number): Promise<Frontier>;
  inclusionProof(index: number, size: number): Promise<Uint8Array[]>;
  consistencyProof(first: number, second: number): Promise<Uint8Array[]>;
}

/** @param readTile what it answers is kept as long as the tree is. */
export function createTiledTree(readTile: ReadTile): TiledTree {
  const tiles = new Map<string, Promise<Uint8Array>>();
  const tile = (level: number, index: number): Promise<Uint8Array> => {
    const name = `${String(level)}/${String(index)}`;
    const found = tiles.get(name) ?? readTile(level, index);
    tiles.set(name, found);
    return found;
  };

  const hashOf = async (subtree: Subtree): Promise<Uint8Array> => {
    const level = Math.floor(subtree.level / TILE_HEIGHT);
    const span = 2 ** (subtree.level % TILE_HEIGHT);
    const first = subtree.index * span;
    const hashes = await tile(level, Math.floor(first / TILE_WIDTH));
    const start = (first % TILE_WIDTH) * HASH_BYTES;
    const part = hashes.subarray(start, start + span * HASH_BYTES);
    if (part.length !== span * HASH_BYTES)
      throw new RangeError(`Tile ${String(level)}/${String(Math.floor(first / TILE_WIDTH))} lacks hashes.`);
    return rootOf(splitHashes(part));
  };

  const complete = (range: Range): Promise<Uint8Array[]> => Promise.all(subtreesOf(range).map(hashOf));
  const hashOfRange = async (range: Range): Promise<Uint8Array> => foldSubtrees(await complete(range));

  return {
    root: (size) => hashOfRange({ start: 0, end: size }),
    frontier: async (size) => createFrontier(size, await complete({ start: 0, end: size })),
    inclusionProof: (index, size) => Promise.all(inclusionRanges(index, size).map(hashOfRange)),
    consistencyProof: (first, second) => Promise.all(consistencyRanges(first, second).map(hashOfRange)),
  };
}

/** The hashes of a tile, each for itself. */
export function splitHashes(hashes: Uint8Array): Uint8Array[] {
  return Array.from({ length: hashes.length / HASH_BYTES }, (_, at) =>
    hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES),
  );
}

/** Levels of the tree in one tile. */
const TILE_HEIGHT = 8;
