import { createHash } from 'node:crypto';
import type { Envelope } from '../core/dsse.js';
import { Refusal } from '../core/errors.js';
import { canonicalJson } from '../core/json.js';

/**
 * What the ledger holds of an envelope: the canonical JSON (RFC 8785) of `{payloadSha256, payloadType, signatures}`, in
 * which `payloadSha256` is the lower-case hex SHA-256 of the payload's bytes. It commits to the whole envelope, shows
 * none of its content, and fits into what a tile holds (65,535 bytes), however large the payload is (ADR 21).
 * @throws Refusal `envelope_malformed` when the payload is not base64 in its one spelling.
 */
export function entryOf({ payload, payloadType, signatures }: Envelope): Uint8Array {
  const bytes = Buffer.from(payload, 'base64');
  // Two spellings of the same bytes would be two envelopes with one entry.
  if (bytes.toString('base64') !== payload)
    throw new Refusal('envelope_malformed', 'The payload of an envelope is not base64 in its one spelling.');
  return entryFor(createHash('sha256').update(bytes).digest('hex'), payloadType, signatures);
}

function entryFor(payloadSha256: string, payloadType: string, signatures: Envelope['signatures']): Uint8Array {
  const named = signatures.map(({ keyid, sig }) => ({ keyid, sig }));
  return new TextEncoder().encode(canonicalJson({ payloadSha256, payloadType, signatures: named }));
}

/**
 * The entry of a statement as its row has it. What is no envelope is held all the same, as `{envelopeSha256}` of the text:
 * a process that writes nonsense must neither stop the ledger nor leave no trace in it.
 */
export function entryOfText(text: string): Uint8Array {
  const envelope = plainEnvelope(text);
  try {
    if (envelope !== null) return entryOf(envelope);
  } catch (error) {
    if (!(error instanceof Refusal || error instanceof TypeError)) throw error;
  }
  const envelopeSha256 = createHash('sha256').update(text).digest('hex');
  return new TextEncoder().encode(canonicalJson({ envelopeSha256 }));
}

/** The lower-case hex SHA-256 of the payload that an entry commits to; null for one of what is no envelope. */
export function payloadDigestIn(entry: Uint8Array): string | null {
  const { payloadSha256 } = JSON.parse(new TextDecoder().decode(entry)) as { payloadSha256?: string };
  return payloadSha256 ?? null;
}

// What a row may hold of them: more would not fit into a tile's entry.
const MAX_SIGNATURES_CHARS = 10_000;

/** An envelope with nothing in it that its entry would not commit to. */
function plainEnvelope(text: string): Envelope | null {
  const value = parsed(text);
  if (!hasExactly(value, ['payload', 'payloadType', 'signatures']) || !Array.isArray(value['signatures'])) return null;
  const { payload, payloadType, signatures } = value;
  const isPlain =
    typeof payload === 'string' &&
    typeof payloadType === 'string' &&
    signatures.every((one: unknown) => hasExactly(one, ['keyid', 'sig']) && Object.values(one).every(isText)) &&
    JSON.stringify([payloadType, signatures]).length <= MAX_SIGNATURES_CHARS;
  return isPlain ? (value as unknown as Envelope) : null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function hasExactly(value: unknown, keys: readonly string[]): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return Object.keys(value).length === keys.length && keys.every((key) => Object.hasOwn(value, key));
}

const isText = (value: unknown): boolean => typeof value === 'string';
