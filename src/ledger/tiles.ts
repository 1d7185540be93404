import { parseCount } from './checkpoint.js';

/** Hashes in a full tile, and entries in a full bundle (https://c2sp.org/tlog-tiles). */
export const TILE_WIDTH = 256;

/** The level of entry bundles in paths, beside the levels of hashes from 0. */
export type TileLevel = number | 'entries';

/** A tile of the ledger; one narrower than 256 is partial. */
export interface Tile {
  level: TileLevel;
  index: number;
  /** 1 to 256. */
  width: number;
}

/** The path of a tile below the ledger's prefix: `tile/0/x001/234`, `tile/entries/000.p/17`. */
export function tilePath({ level, index, width }: Tile): string {
  const suffix = width === TILE_WIDTH ? '' : `.p/${String(width)}`;
  return `tile/${String(level)}/${indexPath(index)}${suffix}`;
}

/** Reads such a path. @returns null when it is none, or not the one spelling. */
export function parseTilePath(path: string): Tile | null {
  const [, levelText, indexText, widthText] = TILE_PATH.exec(path) ?? [];
  if (levelText === undefined || indexText === undefined) return null;
  const level = levelText === 'entries' ? ('entries' as const) : parseCount(levelText);
  const index = Number(indexText.replaceAll(/[x/]/g, ''));
  const width = widthText === undefined ? TILE_WIDTH : parseCount(widthText);
  if (level === null || width === null || width === 0 || !Number.isSafeInteger(index)) return null;
  const tile = { level, index, width };
  // One more `x000/`, or a width of 256, would be other names for the same tile.
  return tilePath(tile) === path ? tile : null;
}

/** How wide the tile at this place is in a tree of a size; 0 when it has none. */
export function tileWidth(level: TileLevel, index: number, size: number): number {
  const hashes = Math.floor(size / TILE_WIDTH ** (level === 'entries' ? 0 : level));
  return Math.max(0, Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH));
}

/** Entries as a bundle: each behind its length in two bytes, big-endian. */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(entries.flatMap((entry) => [lengthOf(entry), entry]));
}

/** The entries of a bundle. @returns null when it is none. */
export function decodeBundle(bundle: Uint8Array): Uint8Array[] | null {
  const bytes = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.byteLength);
  const entries: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 2 > bytes.length ? Infinity : at + 2 + bytes.readUInt16BE(at);
    if (end > bytes.length) return null;
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return entries;
}

const TILE_PATH = /^tile\/(0|[1-9]|[1-5][0-9]|6[0-3]|entries)\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/;

/** `x001/x234/067` for 1234067. */
function indexPath(index: number): string {
  const digits = String(index);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0');
  const parts = padded.match(/.{3}/g) ?? [];
  return parts.map((part, at) => (at === parts.length - 1 ? part : `x${part}`)).join('/');
}

function lengthOf(entry: Uint8Array): Uint8Array {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(entry.length);
  return length;
}
