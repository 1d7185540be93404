import { createFrontier, rootOf } from './merkle.js';
import { subtreesOf } from './ranges.js';
import { TILE_WIDTH, tileWidth } from './tiles.js';
import { splitHashes, type ReadTile } from './tree.js';

/** A tile that has become full. */
export interface FullTile {
  level: number;
  index: number;
  hashes: Uint8Array;
  /** The hash of it all: what the tile above holds of it. */
  root: Uint8Array;
}

/** A tree at its right edge, held in memory while it grows. */
export interface GrowingTree {
  size(): number;
  root(): Uint8Array;
  /** @returns the tiles that are full now, lowest first. */
  append(leafHash: Uint8Array): FullTile[];
}

/** The tree as it stands at a size, from its tiles that are not full. */
export async function openGrowingTree(size: number, readTile: ReadTile): Promise<GrowingTree> {
  const partial: Uint8Array[][] = [];
  for (let level = 0; TILE_WIDTH ** level <= size; level += 1) {
    const index = Math.floor(size / TILE_WIDTH ** (level + 1));
    const width = tileWidth(level, index, size);
    const hashes = width === 0 ? [] : splitHashes(await readTile(level, index));
    if (hashes.length !== width) throw new RangeError(`Tile ${String(level)}/${String(index)} lacks hashes.`);
    partial.push(hashes);
  }
  const complete = partial.toReversed().flatMap((hashes) => subtreeRoots(hashes));
  const frontier = createFrontier(size, complete);

  const appendAt = (level: number, hash: Uint8Array): FullTile[] => {
    const hashes = (partial[level] ??= []);
    hashes.push(hash);
    if (hashes.length < TILE_WIDTH) return [];
    partial[level] = [];
    const index = frontier.size() / TILE_WIDTH ** (level + 1) - 1;
    const root = rootOf(hashes);
    return [{ level, index, hashes: Buffer.concat(hashes), root }, ...appendAt(level + 1, root)];
  };

  return {
    size: () => frontier.size(),
    root: () => frontier.root(),
    append(leafHash) {
      frontier.append(leafHash);
      return appendAt(0, leafHash);
    },
  };
}

function subtreeRoots(hashes: readonly Uint8Array[]): Uint8Array[] {
  return subtreesOf({ start: 0, end: hashes.length }).map(({ level, index }) => {
    const span = 2 ** level;
    return rootOf(hashes.slice(index * span, (index + 1) * span));
  });
}
