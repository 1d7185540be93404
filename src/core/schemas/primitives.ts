import { z } from 'zod';
import type { Json } from '../json.js';

/** Crockford base 32, 26 characters: an action's id, its nonce and its idempotency key in one. */
export const actionIdSchema = z.string().regex(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/, 'must be a ULID in upper case');

/** Lower-case hex SHA-256. */
export const digestSchema = z.string().regex(/^[0-9a-f]{64}$/, 'must be a lower-case hex SHA-256');

/** Milliseconds since the Unix epoch. */
export const timeMsSchema = z.int().nonnegative();

/** A name that is safe in ids, paths and messages: directory entries, targets, operations, policies. */
export const nameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'must be 1 to 63 of a-z 0-9 . _ - and begin with a letter or digit');

export const jsonSchema: z.ZodType<Json> = z.json();
export const jsonObjectSchema = z.record(z.string(), jsonSchema);

/** A DSSE envelope with exactly one signature, as anybody may send one. */
export const envelopeSchema = envelopeUpTo(262_144);

/** The same as it stands on record: a preview with its whole content is the largest. */
export const recordedEnvelopeSchema = envelopeUpTo(900_000);

function envelopeUpTo(payloadChars: number) {
  return z.strictObject({
    payloadType: z.literal('application/vnd.in-toto+json'),
    payload: z.base64().max(payloadChars),
    signatures: z.tuple([z.strictObject({ keyid: z.string().max(200), sig: z.base64().max(100) })]),
  });
}
