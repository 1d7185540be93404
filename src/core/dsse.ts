import { base64 } from '@scure/base';
import { canonicalJson, sha256Hex } from './json.js';
import { verifyEd25519, type VerifyEd25519 } from './ed25519.js';

/** The payload type of every envelope that Countersign makes or accepts. */
export const IN_TOTO_PAYLOAD_TYPE = 'application/vnd.in-toto+json';

/** A DSSE envelope (https://github.com/secure-systems-lab/dsse), exactly one signature. */
export interface Envelope {
  payloadType: string;
  /** base64 of the statement's bytes */
  payload: string;
  signatures: { keyid: string; sig: string }[];
}

/** A public key as keyrings and directories list it. */
export interface PublicKey {
  keyid: string;
  /** base64 of the 32 raw bytes */
  publicKey: string;
}

/** Makes Ed25519 signatures over a batch of messages: Vault's transit engine, or an agent's own key. */
export interface Signer {
  keyid: string;
  sign(messages: Uint8Array[]): Promise<Uint8Array[]>;
}

/** Why an envelope was not accepted. */
export type EnvelopeFault = 'envelope_malformed' | 'payload_type_unknown' | 'key_unknown' | 'signature_invalid';

export type Opened = { ok: true; keyid: string; payload: unknown } | { ok: false; fault: EnvelopeFault };

/** The bytes that a DSSE signature covers (pre-authentication encoding). */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Uint8Array {
  const encoder = new TextEncoder();
  const type = encoder.encode(payloadType);
  const head = encoder.encode(`DSSEv1 ${type.length} ${payloadType} ${payload.length} `);
  const bytes = new Uint8Array(head.length + payload.length);
  bytes.set(head);
  bytes.set(payload, head.length);
  return bytes;
}

/** Signs statements, each into an envelope of its own, in one call to the signer. */
export async function seal(statements: unknown[], signer: Signer): Promise<Envelope[]> {
  return sealPayloads(statements.map(payloadOf), signer);
}

/** The bytes of a statement that are signed: its canonical JSON. */
export function payloadOf(statement: unknown): Uint8Array {
  return new TextEncoder().encode(canonicalJson(statement));
}

/** As `seal`, for payloads that are made already. */
export async function sealPayloads(payloads: readonly Uint8Array[], signer: Signer): Promise<Envelope[]> {
  const signatures = await signer.sign(payloads.map((payload) => preAuthEncoding(IN_TOTO_PAYLOAD_TYPE, payload)));
  return payloads.map((payload, index) => {
    const signature = signatures[index];
    if (signature === undefined) throw new Error('seal: the signer answered with fewer signatures than messages');
    return {
      payloadType: IN_TOTO_PAYLOAD_TYPE,
      payload: base64.encode(payload),
      signatures: [{ keyid: signer.keyid, sig: base64.encode(signature) }],
    };
  });
}

/**
 * Opens an envelope if one of the given keys signed it. Never throws, whatever it is handed:
 * it also judges what strangers send to a workflow.
 * @param verify default: pure JavaScript, for the workflow sandbox; processes give a native one.
 */
export function open(envelope: unknown, keys: readonly PublicKey[], verify: VerifyEd25519 = verifyEd25519): Opened {
  if (!isEnvelope(envelope)) return { ok: false, fault: 'envelope_malformed' };
  if (envelope.payloadType !== IN_TOTO_PAYLOAD_TYPE) return { ok: false, fault: 'payload_type_unknown' };
  const [signature] = envelope.signatures;
  const key = keys.find((candidate) => candidate.keyid === signature?.keyid);
  if (signature === undefined || key === undefined) return { ok: false, fault: 'key_unknown' };
  try {
    const payload = base64.decode(envelope.payload);
    const message = preAuthEncoding(envelope.payloadType, payload);
    if (!verify(base64.decode(key.publicKey), message, base64.decode(signature.sig))) {
      return { ok: false, fault: 'signature_invalid' };
    }
    const text = new TextDecoder('utf-8', { fatal: true }).decode(payload);
    return { ok: true, keyid: key.keyid, payload: JSON.parse(text) };
  } catch {
    return { ok: false, fault: 'envelope_malformed' };
  }
}

/** SHA-256 of the payload's bytes: the name by which later statements refer to this one. */
export function payloadDigest(envelope: Envelope): string {
  return sha256Hex(base64.decode(envelope.payload));
}

/** The statement inside an envelope, unverified: only for what was already verified or is shown as untrusted. */
export function readPayload(envelope: Envelope): unknown {
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(base64.decode(envelope.payload)));
}

function isEnvelope(value: unknown): value is Envelope {
  if (typeof value !== 'object' || value === null) return false;
  const { payloadType, payload, signatures } = value as Record<string, unknown>;
  if (typeof payloadType !== 'string' || typeof payload !== 'string') return false;
  // One signature only: with several, "who said it" would depend on which one a reader looks at.
  if (!Array.isArray(signatures) || signatures.length !== 1) return false;
  const signature: unknown = signatures[0];
  if (typeof signature !== 'object' || signature === null) return false;
  const { keyid, sig } = signature as Record<string, unknown>;
  return typeof keyid === 'string' && typeof sig === 'string';
}
