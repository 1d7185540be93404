import canonicalizeModule from 'canonicalize';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

/** Plain JSON: all that may enter a statement, a payload or a digest. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** A JSON object. */
export type JsonObject = { [key: string]: Json };

// The package is CommonJS whose types claim an ES default export.
const canonicalize = canonicalizeModule as unknown as (input: unknown) => string | undefined;

// How well-formed `JSON.stringify` writes half a surrogate pair, which RFC 8785 (3.2.2.2) wants refused.
const LONE_SURROGATE = /(?:^|[^\\])(?:\\\\)*\\ud[89a-f]/;

/**
 * The RFC 8785 (JCS) canonical text of a value.
 * @throws TypeError when the value is what JSON cannot say (a function, NaN, a lone surrogate).
 */
export function canonicalJson(value: unknown): string {
  const text = canonicalOrNone(value);
  if (text === undefined || LONE_SURROGATE.test(text))
    throw new TypeError('canonicalJson: the value has no canonical JSON form');
  return text;
}

function canonicalOrNone(value: unknown): string | undefined {
  try {
    return canonicalize(value);
  } catch (error) {
    // Too deep a nesting stays a RangeError: it says something else than that the value is no JSON.
    if (error instanceof RangeError) throw error;
    return undefined;
  }
}

/** Lower-case hex SHA-256 of bytes or of a text's UTF-8. */
export function sha256Hex(input: Uint8Array | string): string {
  return bytesToHex(sha256(typeof input === 'string' ? new TextEncoder().encode(input) : input));
}

/** SHA-256 of a value's canonical JSON: how everything signed or compared is named. */
export function digestOf(value: unknown): string {
  return sha256Hex(canonicalJson(value));
}
