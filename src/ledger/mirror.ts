import { createHash, randomUUID } from 'node:crypto';
import { access, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type pg from 'pg';
import type { VerifyEd25519 } from '../core/ed25519.js';
import { openCheckpoint, type Checkpoint } from './checkpoint.js';
import { LedgerFaultError } from './faults.js';
import { faultAgainst } from './lead.js';
import type { NoteKey } from './note.js';
import type { PostgresLedger } from './postgres-ledger.js';
import { TILE_WIDTH, tilePath, tileWidth, type Tile, type TileLevel } from './tiles.js';

export interface MirrorOptions {
  /** Made where it is missing. */
  folder: string;
  pool: pg.Pool;
  ledger: Pick<PostgresLedger, 'checkpoint' | 'tile'>;
  origin: string;
  keys: () => readonly NoteKey[];
  verify?: VerifyEd25519;
}

/** A copy of the ledger's tiles and its newest checkpoint in a folder, in the layout of tlog-tiles. */
export interface Mirror {
  /** The checkpoint in the folder; null before the first. @throws LedgerFaultError when it is none of this ledger. */
  highestSeen(): Promise<Checkpoint | null>;
  /**
   * Brings the folder up to the newest checkpoint: tiles first, the checkpoint last, each file whole or not at all.
   * @throws LedgerFaultError when the ledger does not go on from what the folder holds: then it stays as it is.
   */
  update(): Promise<void>;
}

export function createMirror(options: MirrorOptions): Mirror {
  const { folder, pool, ledger, origin, keys, verify } = options;
  const file = join(folder, 'checkpoint');

  const highestSeen = async (): Promise<Checkpoint | null> => {
    const note = await readIfThere(file);
    if (note === null) return null;
    const opened = openCheckpoint(note, origin, keys(), verify);
    if (opened.ok) return opened.checkpoint;
    throw new LedgerFaultError({
      code: 'ledger_mirror_invalid',
      sentence: `The checkpoint in the ledger's mirror is none of the ledger "${origin}" (${opened.fault}).`,
      what: createHash('sha256').update(note).digest('hex'),
    });
  };

  return {
    highestSeen,
    async update() {
      const seen = await highestSeen();
      const note = await ledger.checkpoint();
      const opened = note === null ? null : openCheckpoint(note, origin, keys(), verify);
      // What is not signed well is the sequencer's to tell.
      if (note === null || opened?.ok !== true) return;
      const { size } = opened.checkpoint;
      const fault = seen === null ? null : await faultAgainst(seen, size, pool);
      if (fault !== null) throw new LedgerFaultError(fault);
      if (seen !== null && seen.size === size) return;
      for (const tile of tilesBetween(seen?.size ?? 0, size)) await copyTile(tile, options);
      // Another process may have been quicker.
      if (((await highestSeen())?.size ?? 0) < size) await write(file, Buffer.from(note));
    },
  };
}

async function copyTile(tile: Tile, { folder, ledger }: MirrorOptions): Promise<void> {
  const file = join(folder, tilePath(tile));
  // A tile of this width never changes; one that is there was written whole.
  if (!(await isThere(file))) {
    const bytes = await ledger.tile(tile);
    if (bytes === null) throw new Error(`createMirror: the ledger has no ${tilePath(tile)}`);
    await write(file, bytes);
  }
  if (tile.width === TILE_WIDTH) await rm(`${file}.p`, { recursive: true, force: true });
}

/** The tiles that a tree has and a smaller one has not, or not as wide. */
function* tilesBetween(from: number, size: number): Generator<Tile> {
  const levels: TileLevel[] = ['entries', 0];
  for (let level = 1; TILE_WIDTH ** level <= size; level += 1) levels.push(level);
  for (const level of levels) {
    const span = TILE_WIDTH ** (level === 'entries' ? 1 : level + 1);
    for (let index = Math.floor(from / span); tileWidth(level, index, size) > 0; index += 1)
      yield { level, index, width: tileWidth(level, index, size) };
  }
}

async function write(file: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const partial = `${file}.${randomUUID()}.partial`;
  const handle = await open(partial, 'w');
  try {
    await handle.writeFile(bytes);
    // After a power cut the name must not stand for less than what it was given to.
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(partial, file);
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
