import { createHash } from 'node:crypto';
import { base64 } from '@scure/base';
import type { Signer } from '../core/dsse.js';
import { verifyEd25519, type VerifyEd25519 } from '../core/ed25519.js';

/** An Ed25519 key that signs notes under a name (https://c2sp.org/signed-note). */
export interface NoteKey {
  /** Of a ledger's key: the ledger's origin. */
  name: string;
  /** base64 of the 32 raw bytes */
  publicKey: string;
}

export type NoteFault = 'note_malformed' | 'note_key_unknown' | 'note_signature_invalid';

export type OpenedNote =
  | {
      ok: true;
      /** Ends with a newline. */
      text: string;
      /** Whose signatures hold. */
      signedBy: NoteKey[];
    }
  | { ok: false; fault: NoteFault };

/**
 * Signs a text, which ends with a newline, as a note with one signature.
 * @param signer holds the private half of the key.
 */
export async function signNote(text: string, key: NoteKey, signer: Signer): Promise<string> {
  if (!isNoteText(text)) throw new Error('signNote: a text ends with a newline and has no other control characters');
  if (!isKeyName(key.name)) throw new Error('signNote: a key’s name has no spaces and no plus sign');
  const [signature] = await signer.sign([new TextEncoder().encode(text)]);
  if (signature === undefined) throw new Error('signNote: the signer answered without a signature');
  return `${text}\n— ${key.name} ${base64.encode(Buffer.concat([keyIdOf(key), signature]))}\n`;
}

/**
 * Opens a note. Every signature by a key that is given must hold, and there must be one at least; others are ignored.
 * Never throws.
 * @param verify default: pure JavaScript.
 */
export function openNote(note: string, keys: readonly NoteKey[], verify: VerifyEd25519 = verifyEd25519): OpenedNote {
  const parts = splitNote(note);
  if (parts === null) return { ok: false, fault: 'note_malformed' };
  const message = new TextEncoder().encode(parts.text);
  const signedBy: NoteKey[] = [];
  for (const { name, id, signature } of parts.signatures) {
    const key = keys.find((known) => known.name === name && Buffer.compare(keyIdOf(known), id) === 0);
    if (key === undefined || signedBy.includes(key)) continue;
    if (!verify(base64.decode(key.publicKey), message, signature))
      return { ok: false, fault: 'note_signature_invalid' };
    signedBy.push(key);
  }
  return signedBy.length === 0 ? { ok: false, fault: 'note_key_unknown' } : { ok: true, text: parts.text, signedBy };
}

/** A key as Go's `sumdb/note` and other verifiers take it: `<name>+<id>+<base64>`. */
export function verifierKeyOf(key: NoteKey): string {
  const typed = Buffer.concat([ED25519, base64.decode(key.publicKey)]);
  return `${key.name}+${keyIdOf(key).toString('hex')}+${base64.encode(typed)}`;
}

/** The signature type of Ed25519. */
const ED25519 = new Uint8Array([1]);
const ID_BYTES = 4;

// The least that every verifier must take are 16 signatures; a checkpoint of ours has one.
const MAX_SIGNATURES = 100;
const MAX_CHARS = 1_000_000;

/** First four bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key). */
function keyIdOf({ name, publicKey }: NoteKey): Buffer {
  const hash = createHash('sha256').update(`${name}\n`).update(ED25519).update(base64.decode(publicKey));
  return hash.digest().subarray(0, ID_BYTES);
}

interface NoteParts {
  text: string;
  signatures: { name: string; id: Uint8Array; signature: Uint8Array }[];
}

function splitNote(note: string): NoteParts | null {
  if (note.length > MAX_CHARS || !isNoteText(note)) return null;
  // The last empty line: the text may hold others.
  const split = note.lastIndexOf('\n\n');
  if (split < 0) return null;
  const lines = note.slice(split + 2).split('\n');
  if (lines.pop() !== '' || lines.length === 0 || lines.length > MAX_SIGNATURES) return null;
  const signatures = lines.map(parseSignature);
  return signatures.includes(null)
    ? null
    : { text: note.slice(0, split + 1), signatures: signatures.filter((signature) => signature !== null) };
}

function parseSignature(line: string): NoteParts['signatures'][number] | null {
  const [, name, encoded] = /^— (\S+) (\S+)$/u.exec(line) ?? [];
  if (name === undefined || encoded === undefined || !isKeyName(name)) return null;
  try {
    const bytes = base64.decode(encoded);
    if (bytes.length <= ID_BYTES) return null;
    return { name, id: bytes.subarray(0, ID_BYTES), signature: bytes.subarray(ID_BYTES) };
  } catch {
    return null;
  }
}

function isKeyName(name: string): boolean {
  return /^[^\s+]+$/u.test(name);
}

/** UTF-8, no control characters below U+0020 but newlines, a newline at the end. */
function isNoteText(text: string): boolean {
  // eslint-disable-next-line no-control-regex -- these are what the format forbids
  return text.endsWith('\n') && !/[\u0000-\u0009\u000b-\u001f]/.test(text) && isWellFormed(text);
}

/** A text with half a surrogate pair has no UTF-8: what was signed would be another text. */
function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}
