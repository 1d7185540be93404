import { z } from 'zod';
import type { Envelope } from '../core/dsse.js';
import { canonicalJson } from '../core/json.js';
import { Refusal } from '../core/errors.js';
import { parseOrRefuse } from '../core/invalid-field.js';
import { previewSchema } from '../core/schemas/action.js';
import { actionIdSchema, digestSchema, jsonObjectSchema, recordedEnvelopeSchema } from '../core/schemas/primitives.js';

/** Names the format of an evidence bundle; another number is another format. */
export const EVIDENCE_FORMAT = 'https://countersign.dev/evidence/v1';

/** The largest bundle that is read. */
const LIMIT_BYTES = 256 * 1024 * 1024;

/** A policy bundle's files, as they were hashed. */
export const policyFilesSchema = z.strictObject({
  /** SHA-256 over the canonical JSON of `[{path, sha256}]`, sorted by path. */
  digest: digestSchema,
  files: z.array(z.strictObject({ path: z.string().max(100), text: z.string().max(1_048_576) })).max(100),
});
export type PolicyFiles = z.infer<typeof policyFilesSchema>;

const evidenceSchema = z.strictObject({
  format: z.literal(EVIDENCE_FORMAT),
  actionId: actionIdSchema,
  /** All process keys: a DSSE envelope, signed by the offline root. */
  keyring: recordedEnvelopeSchema,
  /** The ledger's signed note (C2SP tlog-checkpoint) under which all proofs are; null: none of the statements is in the ledger yet. */
  checkpoint: z.string().max(10_000).nullable(),
  /** The statements about the action: those in the ledger in its order, then those that are not in it yet. */
  entries: z
    .array(
      z.strictObject({
        envelope: recordedEnvelopeSchema,
        /** C2SP tlog-proof with its checkpoint, byte for byte what a foreign verifier takes; null: not in the ledger yet. */
        proof: z.string().max(20_000).nullable(),
      }),
    )
    .min(1)
    .max(20_000),
  /** As the agent signed them. */
  params: jsonObjectSchema,
  /** What people were shown last; null when the action ended before. */
  preview: previewSchema.nullable(),
  /** Every policy bundle that a statement names and that is kept. */
  policies: z.array(policyFilesSchema).max(50),
  /** What statements name by digest and the content store keeps: workflow histories, logs, plan files. */
  contents: z.array(z.strictObject({ sha256: digestSchema, base64: z.base64() })).max(1_000),
});

/** All about one action, in one file: whoever has it and the root's public key can check it, without asking anybody. */
export interface Evidence extends Omit<z.infer<typeof evidenceSchema>, 'keyring' | 'entries'> {
  keyring: Envelope;
  entries: { envelope: Envelope; proof: string | null }[];
}

/** A bundle as bytes: RFC 8785 canonical JSON in UTF-8 and one line feed, so that no byte of it is insignificant. */
export function encodeEvidence(evidence: Evidence): Uint8Array {
  return new TextEncoder().encode(`${canonicalJson(evidence)}\n`);
}

/**
 * A bundle from its bytes.
 * @throws Refusal `field_invalid` when they are not exactly what `encodeEvidence` writes for what they say.
 */
export function decodeEvidence(bytes: Uint8Array): Evidence {
  if (bytes.length > LIMIT_BYTES) throw new Refusal('body_too_large', 'The bundle is larger than 256 MiB.');
  const text = utf8(bytes);
  try {
    const evidence = parseOrRefuse(evidenceSchema, parseJson(text), 'field_invalid');
    // Of what was read, not of what was there: a name such as `__proto__` is read by nobody, and covered by nothing.
    if (`${canonicalJson(evidence)}\n` === text) return evidence;
  } catch (error) {
    if (error instanceof RangeError) throw new Refusal('field_invalid', 'The bundle is nested too deeply.');
    throw error;
  }
  throw new Refusal(
    'field_invalid',
    'The bundle is not canonical JSON (RFC 8785) and one line feed: it was rewritten.',
  );
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refusal('body_not_utf8', 'The bundle is not UTF-8.');
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal('body_malformed', 'The bundle is not JSON.');
  }
}
