import type pg from 'pg';
import type { Signer } from '../core/dsse.js';
import type { VerifyEd25519 } from '../core/ed25519.js';
import { formatCheckpoint, openCheckpoint, type Checkpoint } from './checkpoint.js';
import { entryOfText, payloadDigestIn } from './entry.js';
import { LedgerFaultError, type LedgerFault } from './faults.js';
import { openGrowingTree, type FullTile, type GrowingTree } from './growing.js';
import { createHoles, type Holes } from './holes.js';
import { equalHashes, leafHash } from './merkle.js';
import { signNote, type NoteKey } from './note.js';
import { createTileReader, readCheckpoint } from './postgres/ledger-rows.js';
import type { InsertedEntry, SequencingSession } from './postgres/sequencing.js';

export interface LeadOptions {
  pool: pg.Pool;
  /** The ledger's name: the first line of its checkpoints and the name of its key. */
  origin: string;
  /**
   * The version of the notary's key `checkpoint` that signs by now, and its public half in base64; asked anew for each
   * checkpoint.
   */
  signing: () => { signer: Signer; publicKey: string };
  /** All versions of that key. */
  keys: () => readonly NoteKey[];
  verify?: VerifyEd25519;
  /** What was seen of this ledger outside the database; the tree must go on from there. Null when nothing was. */
  highestSeen: () => Promise<Checkpoint | null>;
  /** Told of each checkpoint once it is on record. */
  onCheckpoint: (checkpoint: Checkpoint, note: string) => void;
  clock: () => number;
  /** Statements in one batch. Default 2,000. */
  batchSize?: number;
}

/** The sequencer while it holds the lock. */
export interface Leading {
  /** One batch. @returns `full` when there may be more. */
  step(): Promise<'full' | 'partial' | 'nothing'>;
}

/**
 * Takes over where the last one stopped, after a look at whether what is there is what was signed.
 * @throws LedgerFaultError when it is not: a checkpoint would vouch for it.
 */
export async function lead(session: SequencingSession, options: LeadOptions): Promise<Leading> {
  const { batchSize = 2_000, clock } = options;
  const signed = await openNewest(options);
  const tree = await openSigned(signed, options);
  await continueFrom(tree, session);
  await requireSeen(await options.highestSeen(), tree.size(), options);
  if (tree.size() > (signed?.size ?? 0)) await sign(tree, session, options);
  const high = await session.high();
  const holes = createHoles(high);
  const lookForMissed = async (): Promise<number> => {
    holes.add(await session.missed(holes.high()), clock());
    return clock();
  };
  let lookedAtMs = await lookForMissed();

  return {
    async step() {
      if (clock() - lookedAtMs > LOOK_FOR_MISSED_MS) lookedAtMs = await lookForMissed();
      const count = await sequence(tree, holes, session, { limit: batchSize, nowMs: clock() });
      if (count === 0) return 'nothing';
      // After the rows are committed: what was signed must be there, whatever happens next.
      await sign(tree, session, options);
      return count >= batchSize ? 'full' : 'partial';
    },
  };
}

// A transaction that took longer than any of ours may.
const LOOK_FOR_MISSED_MS = 3_600_000;

async function sequence(
  tree: GrowingTree,
  holes: Holes,
  session: SequencingSession,
  { limit, nowMs }: { limit: number; nowMs: number },
): Promise<number> {
  const found = await session.unsequenced(holes.high(), holes.all(), limit);
  if (found.length === 0) return 0;
  const tiles: FullTile[] = [];
  const entries = found.map(({ sequence, kind, envelope }): InsertedEntry => {
    const entry = entryOfText(envelope);
    const hash = leafHash(entry);
    const index = tree.size();
    tiles.push(...tree.append(hash));
    return { index, sequence, leafHash: hash, entry, alarmDigest: kind === 'alarm' ? payloadDigestIn(entry) : null };
  });
  await session.insert(entries, tiles);
  holes.fill(
    found.map(({ sequence }) => sequence),
    nowMs,
  );
  return found.length;
}

async function sign(tree: GrowingTree, session: SequencingSession, options: LeadOptions): Promise<void> {
  const { origin, signing, onCheckpoint } = options;
  const { publicKey, signer } = signing();
  const checkpoint = { origin, size: tree.size(), root: tree.root() };
  const note = await signNote(formatCheckpoint(checkpoint), { name: origin, publicKey }, signer);
  await session.insertCheckpoint(checkpoint.size, note);
  onCheckpoint(checkpoint, note);
}

async function openNewest({ pool, origin, keys, verify }: LeadOptions): Promise<Checkpoint | null> {
  const newest = await readCheckpoint(pool);
  if (newest === null) return null;
  const opened = openCheckpoint(newest.note, origin, keys(), verify);
  if (opened.ok && opened.checkpoint.size === newest.size) return opened.checkpoint;
  const why = opened.ok ? 'it is of another size' : opened.fault;
  throw fault({
    code: 'ledger_checkpoint_invalid',
    sentence: `The checkpoint of size ${String(newest.size)} does not hold for the ledger "${origin}" (${why}).`,
    what: String(newest.size),
  });
}

/** The tree as it was signed last. */
async function openSigned(signed: Checkpoint | null, { pool }: LeadOptions): Promise<GrowingTree> {
  const size = signed?.size ?? 0;
  const tree = await openGrowingTree(size, createTileReader(pool, size)).catch((error: unknown) => {
    if (error instanceof RangeError) return null;
    throw error;
  });
  if (tree !== null && (signed === null || equalHashes(tree.root(), signed.root))) return tree;
  throw fault({
    code: 'ledger_forked',
    sentence: `The ledger's tree of size ${String(size)} is not the one whose checkpoint was signed.`,
    what: String(size),
  });
}

/** Entries that were committed and not yet signed: each must be of its statement as it is. */
async function continueFrom(tree: GrowingTree, session: SequencingSession): Promise<void> {
  for (;;) {
    const entries = await session.entriesFrom(tree.size());
    for (const { index, sequence, leafHash: hash, entry, envelope } of entries) {
      const isIntact =
        index === tree.size() &&
        envelope !== null &&
        equalHashes(entry, entryOfText(envelope)) &&
        equalHashes(hash, leafHash(entry));
      if (!isIntact)
        throw fault({
          code: 'ledger_row_changed',
          sentence: `Entry ${String(index)} is not of the statement ${String(sequence)} of the record, and was never signed.`,
          what: `${String(index)}/${String(sequence)}`,
        });
      tree.append(hash);
    }
    if (entries.length === 0) return;
  }
}

async function requireSeen(seen: Checkpoint | null, size: number, { pool }: LeadOptions): Promise<void> {
  const found = seen === null ? null : await faultAgainst(seen, size, pool);
  if (found !== null) throw fault(found);
}

/** Whether a tree in the database goes on from a checkpoint that was seen; null when it does. */
export async function faultAgainst(seen: Checkpoint, size: number, pool: pg.Pool): Promise<LedgerFault | null> {
  const what = `${String(seen.size)}/${Buffer.from(seen.root).toString('hex')}`;
  if (seen.size > size)
    return {
      code: 'ledger_truncated',
      sentence: `The ledger has ${String(size)} entries; a checkpoint of ${String(seen.size)} was seen.`,
      what,
    };
  const there = await openGrowingTree(seen.size, createTileReader(pool, seen.size)).catch((error: unknown) => {
    if (error instanceof RangeError) return null;
    throw error;
  });
  if (there !== null && equalHashes(there.root(), seen.root)) return null;
  const sentence = `The ledger's tree of size ${String(seen.size)} has another root than the checkpoint that was seen: it was forked.`;
  return { code: 'ledger_forked', sentence, what };
}

function fault(of: LedgerFault): LedgerFaultError {
  return new LedgerFaultError(of);
}
