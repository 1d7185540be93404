import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Keyring } from '../core/keyring.js';
import type { Checkpoint } from '../ledger/checkpoint.js';
import { createFrontier, equalHashes, HASH_BYTES, leafHash, nodeHash } from '../ledger/merkle.js';
import { decodeBundle, TILE_WIDTH, tilePath, tileWidth } from '../ledger/tiles.js';
import { checkOrigin, openOwnCheckpoint, whichLedger } from './verify-ledger-proofs.js';
import type { StatementCheck } from './verify-statements.js';

export interface LedgerVerdict {
  ok: boolean;
  checks: StatementCheck[];
  notProven: string[];
  /** Null when its checkpoint is not signed. */
  ledger: { origin: string; size: number } | null;
}

export interface LedgerTrust {
  keyring: Keyring;
  /** A checkpoint of this ledger that the verifier kept from before: a signed note. */
  kept?: string;
  /** The ledger's name; absent: any that a checkpoint key of the keyring signed. */
  origin?: string;
}

/**
 * Checks a mirror of the ledger (C2SP tlog-tiles: `checkpoint`, `tile/…`): computes the whole tree anew from its entries.
 * Never throws for what the folder holds.
 */
export async function verifyLedger(folder: string, { keyring, kept, origin }: LedgerTrust): Promise<LedgerVerdict> {
  const note = (await readIfThere(join(folder, 'checkpoint')))?.toString('utf8');
  const newest = note === undefined ? null : openOwnCheckpoint(note, keyring);
  if (newest === null) {
    const what =
      note === undefined
        ? 'The folder holds no checkpoint'
        : 'The checkpoint is not a signed note of the ledger by a checkpoint key of the keyring';
    return { ok: false, checks: [{ ok: false, what }], notProven: [], ledger: null };
  }
  const before = kept === undefined ? null : openOwnCheckpoint(kept, keyring);
  const tree = await growTree(folder, newest.size, before?.size ?? null);
  const checks = [
    { ok: true, what: `The checkpoint of ${newest.origin} is signed: ${count(newest.size)} entries` },
    ...checkOrigin(newest, origin),
    checkRoot(tree, newest),
    ...(await checkTiles(folder, tree)),
    ...tree.faults.map((what) => ({ ok: false, what })),
    ...(kept === undefined ? [] : [checkKept(before, newest, tree)]),
  ];
  return {
    ok: checks.every((check) => check.ok),
    checks,
    notProven: [...always, ...(kept === undefined ? [NO_KEPT] : []), ...whichLedger(newest, origin)],
    ledger: { origin: newest.origin, size: newest.size },
  };
}

const always = [
  'What the statements say: entries hold digests and signatures. An evidence bundle shows a statement and its place here.',
  'That nobody was shown another ledger: compare this checkpoint with those that others hold.',
];
const NO_KEPT = 'That nothing was cut off or exchanged since: give a checkpoint that you kept, by --checkpoint.';

interface Tree {
  size: number;
  root: Uint8Array;
  /** Of each level from 0: the hashes, one after the other, that its tiles hold. */
  levels: Uint8Array[][];
  /** Root at the size that was asked for; null when the tree never had it. */
  rootBefore: Uint8Array | null;
  faults: string[];
}

/** The tree over the entries of the folder, as far as they are there. */
async function growTree(folder: string, size: number, sizeBefore: number | null): Promise<Tree> {
  const frontier = createFrontier();
  const leaves: Uint8Array[] = [];
  const seen = new Set<string>();
  const faults: string[] = [];
  let rootBefore = sizeBefore === 0 ? frontier.root() : null;
  for (let index = 0; index * TILE_WIDTH < size; index += 1) {
    const width = tileWidth('entries', index, size);
    const entries = await readEntries(folder, index, width);
    if (entries === null) {
      faults.push(`The entries from ${count(index * TILE_WIDTH)} on are not there, or cannot be read`);
      break;
    }
    for (const entry of entries) {
      const hash = leafHash(entry);
      const name = Buffer.from(hash).toString('base64');
      if (seen.has(name)) faults.push(`Entry ${count(leaves.length)} is in the ledger twice`);
      seen.add(name);
      leaves.push(hash);
      frontier.append(hash);
      if (frontier.size() === sizeBefore) rootBefore = frontier.root();
    }
  }
  return { size: leaves.length, root: frontier.root(), levels: levelsOver(leaves), rootBefore, faults };
}

/** What tiles hold: level 0 the leaves, each further one the roots of full tiles of the level below. */
function levelsOver(leaves: Uint8Array[]): Uint8Array[][] {
  const levels = [leaves];
  for (let below = leaves; below.length >= TILE_WIDTH;) {
    const level: Uint8Array[] = [];
    for (let start = 0; start + TILE_WIDTH <= below.length; start += TILE_WIDTH)
      level.push(rootOfFull(below.slice(start, start + TILE_WIDTH)));
    levels.push(level);
    below = level;
  }
  return levels;
}

function rootOfFull(hashes: readonly Uint8Array[]): Uint8Array {
  let level = [...hashes];
  while (level.length > 1)
    level = Array.from({ length: level.length / 2 }, (_, at) =>
      nodeHash(level[at * 2] ?? new Uint8Array(), level[at * 2 + 1] ?? new Uint8Array()),
    );
  return level[0] ?? new Uint8Array();
}

function checkRoot(tree: Tree, { size, root }: Checkpoint): StatementCheck {
  if (tree.size < size)
    return {
      ok: false,
      what: `The ledger is cut off: ${count(tree.size)} of ${count(size)} entries that the checkpoint covers are here`,
    };
  return equalHashes(tree.root, root)
    ? { ok: true, what: 'The tree that was computed from the entries has the root that the checkpoint names' }
    : { ok: false, what: 'The entries are not those that the checkpoint covers, or stand in another order' };
}

/** Every tile of hashes that the size demands is there and holds what the entries make. */
async function checkTiles(folder: string, { levels, size }: Tree): Promise<StatementCheck[]> {
  const faults: string[] = [];
  let tiles = 0;
  for (const [level, hashes] of levels.entries()) {
    for (let index = 0; index * TILE_WIDTH < hashes.length; index += 1) {
      const width = tileWidth(level, index, size);
      const expected = Buffer.concat(hashes.slice(index * TILE_WIDTH, index * TILE_WIDTH + width));
      const path = tilePath({ level, index, width });
      const found = await readTile(folder, { level, index, width }, width * HASH_BYTES);
      tiles += 1;
      if (found === null) faults.push(`The tile ${path} is not there`);
      else if (!expected.equals(found)) faults.push(`The tile ${path} is not what the entries make`);
    }
  }
  const ok = { ok: true, what: `All ${count(tiles)} tiles of hashes are what the entries make` };
  return faults.length === 0 ? [ok] : faults.map((what) => ({ ok: false, what }));
}

function checkKept(before: Checkpoint | null, newest: Checkpoint, { rootBefore }: Tree): StatementCheck {
  if (before?.origin !== newest.origin)
    return { ok: false, what: 'The checkpoint that was kept is not a signed note of this ledger' };
  if (before.size > newest.size)
    return {
      ok: false,
      what: `The ledger is cut off: it had ${count(before.size)} entries when the kept checkpoint was signed, now ${count(newest.size)}`,
    };
  const same = rootBefore !== null && equalHashes(rootBefore, before.root);
  return same
    ? { ok: true, what: `It goes on from the checkpoint that was kept, of ${count(before.size)} entries` }
    : { ok: false, what: 'The ledger was forked: it does not go on from the checkpoint that was kept' };
}

async function readEntries(folder: string, index: number, width: number): Promise<Uint8Array[] | null> {
  const tile = { level: 'entries' as const, index, width };
  const bytes = await readTile(folder, tile, null);
  const entries = bytes === null ? null : decodeBundle(bytes);
  if (entries === null || entries.length < width) return null;
  // In a bundle of this width nothing may stand behind what the checkpoint covers; only a wider one has more.
  const isOwn = entries.length === width || (await readIfThere(join(folder, tilePath(tile)))) === undefined;
  return isOwn && entries.length <= TILE_WIDTH ? entries.slice(0, width) : null;
}

/** A tile of this width, or the beginning of the full one that has taken its place. */
async function readTile(
  folder: string,
  tile: { level: number | 'entries'; index: number; width: number },
  bytes: number | null,
): Promise<Buffer | null> {
  const own = await readIfThere(join(folder, tilePath(tile)));
  if (own !== undefined) return own;
  const full = await readIfThere(join(folder, tilePath({ ...tile, width: TILE_WIDTH })));
  return full === undefined ? null : full.subarray(0, bytes ?? full.length);
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch {
    return undefined;
  }
}

function count(n: number): string {
  return n.toLocaleString('en-US');
}
