import { base64 } from '@scure/base';
import type { VerifyEd25519 } from '../core/ed25519.js';
import { HASH_BYTES } from './merkle.js';
import { openNote, type NoteFault, type NoteKey } from './note.js';

/** What a checkpoint says (https://c2sp.org/tlog-checkpoint): the log of this name has this root at this size. */
export interface Checkpoint {
  /** The log's name, as in `COUNTERSIGN_LEDGER_ORIGIN`. */
  origin: string;
  size: number;
  /** 32 bytes. */
  root: Uint8Array;
}

/** The text of a checkpoint: what is signed as a note. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${String(size)}\n${base64.encode(root)}\n`;
}

/**
 * Reads a checkpoint's text. Lines after the third are of extensions, which have no meaning here.
 * @returns null when it is none.
 */
export function parseCheckpoint(text: string): Checkpoint | null {
  const lines = text.split('\n');
  if (lines.pop() !== '' || lines.includes('')) return null;
  const [origin, sizeText, rootText] = lines;
  if (origin === undefined || sizeText === undefined || rootText === undefined) return null;
  const size = parseCount(sizeText);
  const root = decodeHash(rootText);
  return size === null || root === null ? null : { origin, size, root };
}

export type CheckpointFault = NoteFault | 'checkpoint_malformed' | 'checkpoint_of_other_log';

export type OpenedCheckpoint = { ok: true; checkpoint: Checkpoint } | { ok: false; fault: CheckpointFault };

/**
 * Opens a signed checkpoint of one log. Never throws.
 * @param origin the log's name; keys of another name do not count.
 * @param verify default: pure JavaScript.
 */
export function openCheckpoint(
  note: string,
  origin: string,
  keys: readonly NoteKey[],
  verify?: VerifyEd25519,
): OpenedCheckpoint {
  const ofLog = keys.filter(({ name }) => name === origin);
  const opened = openNote(note, ofLog, verify);
  if (!opened.ok) return opened;
  const checkpoint = parseCheckpoint(opened.text);
  if (checkpoint === null) return { ok: false, fault: 'checkpoint_malformed' };
  return checkpoint.origin === origin ? { ok: true, checkpoint } : { ok: false, fault: 'checkpoint_of_other_log' };
}

/** A number as such texts write it: decimal, without leading zeros; null for anything else. */
export function parseCount(text: string): number | null {
  const count = /^(0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(count) ? count : null;
}

/** A hash as such texts write it: base64, in its one spelling; null for anything else. */
export function decodeHash(text: string): Uint8Array | null {
  try {
    const hash = base64.decode(text);
    return hash.length === HASH_BYTES ? hash : null;
  } catch {
    return null;
  }
}
