import { base64 } from '@scure/base';
import type { VerifyEd25519 } from '../core/ed25519.js';
import { decodeHash, openCheckpoint, parseCount, type Checkpoint, type CheckpointFault } from './checkpoint.js';
import { verifyInclusion } from './merkle.js';
import type { NoteKey } from './note.js';

/** What a `.tlog-proof` holds (https://c2sp.org/tlog-proof): that an entry stands at an index of a signed tree. */
export interface TlogProof {
  index: number;
  /** From the leaf's sibling to the root's child. */
  hashes: readonly Uint8Array[];
  /** The signed checkpoint, as the ledger gave it. */
  checkpoint: string;
}

/** The text of a `.tlog-proof`. */
export function formatProof({ index, hashes, checkpoint }: TlogProof): string {
  const lines = [HEADING, `index ${String(index)}`, ...hashes.map((hash) => base64.encode(hash))];
  return `${lines.join('\n')}\n\n${checkpoint}`;
}

/** Reads the text of a `.tlog-proof`. Extra data is not authentic and is left out. @returns null when it is none. */
export function parseProof(text: string): TlogProof | null {
  const split = text.indexOf('\n\n');
  const [heading, ...lines] = text.slice(0, Math.max(0, split)).split('\n');
  if (heading !== HEADING) return null;
  if (lines[0]?.startsWith('extra ') === true && !isBase64(lines.shift()?.slice('extra '.length) ?? '')) return null;
  const [, indexText] = /^index (.+)$/.exec(lines.shift() ?? '') ?? [];
  const index = parseCount(indexText ?? '');
  const hashes = lines.map(decodeHash);
  if (index === null || hashes.length > MAX_HASHES || hashes.includes(null)) return null;
  return { index, hashes: hashes.filter((hash) => hash !== null), checkpoint: text.slice(split + 2) };
}

export type ProofFault = CheckpointFault | 'proof_malformed' | 'proof_invalid';

export type VerifiedProof = { ok: true; index: number; checkpoint: Checkpoint } | { ok: false; fault: ProofFault };

/** By which log, and by whose signature, a proof counts. */
export interface TrustedLog {
  origin: string;
  keys: readonly NoteKey[];
  /** Default: pure JavaScript. */
  verify?: VerifyEd25519;
}

/**
 * Whether a `.tlog-proof` proves that an entry is in a ledger. Never throws.
 * @param leafHash `leafHash(entryOf(envelope))`
 */
export function verifyProof(text: string, leafHash: Uint8Array, { origin, keys, verify }: TrustedLog): VerifiedProof {
  const proof = parseProof(text);
  if (proof === null) return { ok: false, fault: 'proof_malformed' };
  const opened = openCheckpoint(proof.checkpoint, origin, keys, verify);
  if (!opened.ok) return opened;
  const { checkpoint } = opened;
  const claim = { leafHash, index: proof.index, size: checkpoint.size, root: checkpoint.root };
  return verifyInclusion(claim, proof.hashes)
    ? { ok: true, index: proof.index, checkpoint }
    : { ok: false, fault: 'proof_invalid' };
}

const HEADING = 'c2sp.org/tlog-proof@v1';

// A tree of 2^53 leaves.
const MAX_HASHES = 64;

function isBase64(text: string): boolean {
  try {
    base64.decode(text);
    return true;
  } catch {
    return false;
  }
}
