import type { Json, JsonObject } from '../../core/json.js';
import { redact } from '../../core/redact.js';

const TEXT_CHARS = 300;
const NAME_CHARS = 100;
const NAMES = 20;

/** Somebody's words: what looks like a secret is left out, and they are cut. */
export function said(text: string, chars = TEXT_CHARS): string {
  return cut(redact(text).text, chars);
}

/** A name from outside, cut. */
export function named(text: string): string {
  return cut(text, NAME_CHARS);
}

function cut(text: string, chars: number): string {
  const whole = wellFormed(text);
  return whole.length <= chars ? whole : `${wellFormed(whole.slice(0, chars - 1))}…`;
}

/** Half a surrogate pair is no text: strict receivers refuse it. */
function wellFormed(text: string): string {
  return text.replace(/\p{Cs}/gu, '\ufffd');
}

/** The first of many names; how many there are is the caller's to say. */
export function firstNames(names: readonly string[]): string[] {
  return names.slice(0, NAMES).map(named);
}

/** Leaves out what is not there. */
export function withoutAbsent(object: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(Object.entries(object).filter((entry): entry is [string, Json] => entry[1] !== undefined));
}
