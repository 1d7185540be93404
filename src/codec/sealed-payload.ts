import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Payload } from '@temporalio/common';
// CommonJS whose named exports Node does not see.
import proto from '@temporalio/proto';

/** A Temporal payload whose content only a data key opens. */
export interface SealedPayload {
  /** The workflow it belongs to; empty where it belongs to none. Additional authenticated data of the ciphertext. */
  workflowId: string;
  /** The data key as Vault wrapped it. */
  wrapped: string;
  /** Nonce, ciphertext and tag. */
  sealed: Uint8Array;
}

/** Why a payload could not be opened. */
export type Undecodable = 'malformed' | 'other_workflow' | 'key_unknown' | 'tampered';

const ENCODING = 'binary/encrypted';
const CIPHER = 'AES-256-GCM';
/** Metadata that names why a payload has no content. */
const MARK = 'countersign-undecodable';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
// Vault also takes v0 and v01 for v1: each would be remembered as another key.
const WRAPPED = /^vault:v[1-9]\d{0,8}:[A-Za-z0-9+/=]{1,280}$/;
/** As Temporal limits ids. */
const MAX_WORKFLOW_ID_BYTES = 1_000;

const { Payload: PayloadMessage } = proto.temporal.api.common.v1;

/** Seals a whole payload, its metadata too: nothing of what kind it is stays readable. */
export function sealPayload(
  payload: Payload,
  workflowId: string,
  { key, wrapped }: { key: Uint8Array; wrapped: string },
): Payload {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(additionalData(workflowId));
  const sealed = [nonce, cipher.update(PayloadMessage.encode(payload).finish()), cipher.final(), cipher.getAuthTag()];
  return {
    metadata: {
      encoding: Buffer.from(ENCODING),
      'encryption-cipher': Buffer.from(CIPHER),
      'encryption-key': Buffer.from(wrapped),
      'encryption-workflow': Buffer.from(workflowId),
    },
    data: Buffer.concat(sealed),
  };
}

/** Whether a payload claims to be sealed. All others are plain, and nobody's secret. */
export function isSealed({ metadata }: Payload): boolean {
  return textOf(metadata?.['encoding']) === ENCODING;
}

/** The parts of a payload that claims to be sealed; null when it is none of ours. */
export function readSealed({ metadata, data }: Payload): SealedPayload | null {
  const wrapped = textOf(metadata?.['encryption-key']);
  const workflow = metadata?.['encryption-workflow'];
  if (textOf(metadata?.['encryption-cipher']) !== CIPHER || !WRAPPED.test(wrapped)) return null;
  if (workflow === undefined || workflow.length > MAX_WORKFLOW_ID_BYTES) return null;
  if (data === null || data === undefined || data.length < NONCE_BYTES + TAG_BYTES) return null;
  return { workflowId: textOf(workflow), wrapped, sealed: data };
}

/** What was sealed; null when a byte of it, or the workflow it is said to belong to, is another. */
export function openSealed({ workflowId, sealed }: SealedPayload, key: Uint8Array): Payload | null {
  try {
    const tagAt = sealed.length - TAG_BYTES;
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(additionalData(workflowId)).setAuthTag(sealed.subarray(tagAt));
    const plain = Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, tagAt)), decipher.final()]);
    return PayloadMessage.decode(plain);
  } catch {
    return null;
  }
}

/**
 * What stands for a payload that cannot be opened: every converter reads it as nothing (`undefined`), which no handler counts.
 * The ciphertext is kept in it.
 */
export function markUndecodable({ metadata, data }: Payload, why: Undecodable): Payload {
  return {
    metadata: { ...metadata, encoding: Buffer.from('binary/null'), [MARK]: Buffer.from(why) },
    ...(data !== undefined && { data }),
  };
}

/** Why a decoded payload has no content; null when it has. */
export function whyUndecodable({ metadata }: Payload): string | null {
  const mark = metadata?.[MARK];
  return mark === undefined ? null : textOf(mark);
}

function additionalData(workflowId: string): Buffer {
  return Buffer.from(`countersign payload 1\0${workflowId}`);
}

function textOf(bytes: Uint8Array | null | undefined): string {
  return bytes === null || bytes === undefined ? '' : Buffer.from(bytes).toString();
}
