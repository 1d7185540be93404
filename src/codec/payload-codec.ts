import type { Payload, PayloadCodec, SerializationContext } from '@temporalio/common';
import type { DataKeyRing } from './data-key-ring.js';
import { isSealed, markUndecodable, openSealed, readSealed, sealPayload } from './sealed-payload.js';

export interface PayloadCodecOptions {
  ring: DataKeyRing;
  /** Whether what goes to Temporal is encrypted. What comes from it is decrypted either way. */
  encrypts: boolean;
}

/**
 * Encrypts what Temporal stores: AES-256-GCM, with the workflow's id as additional authenticated data.
 *
 * `decode` never throws on bad data: what cannot be opened is marked, and every converter reads it as nothing; an undecodable
 * payload would fail each workflow task from then on. It throws a ServiceFault when Vault cannot be asked for a key that this
 * process does not know: the task is tried again, where nothing instead of the content would lead the workflow astray.
 * Plain payloads pass: agents with a Temporal client of their own start with them, and no payload proves anything.
 */
export function createPayloadCodec({ ring, encrypts }: PayloadCodecOptions): PayloadCodec {
  return {
    async encode(payloads, context) {
      if (!encrypts || payloads.every(isEmpty)) return payloads;
      const workflowId = context?.workflowId ?? '';
      const sealed: Payload[] = [];
      for (const payload of payloads)
        sealed.push(isEmpty(payload) ? payload : sealPayload(payload, workflowId, await ring.current()));
      return sealed;
    },
    async decode(payloads, context) {
      const decoded: Payload[] = [];
      // One after the other: each forged one may be a question to Vault, and a list holds thousands.
      for (const payload of payloads) decoded.push(await decodePayload(ring, payload, context));
      return decoded;
    },
  };
}

/** One payload in clear, or marked. Without a context it must belong to the workflow that it names itself. */
async function decodePayload(
  ring: DataKeyRing,
  payload: Payload,
  context: SerializationContext | undefined,
): Promise<Payload> {
  if (!isSealed(payload)) return payload;
  const sealed = readSealed(payload);
  if (sealed === null) return markUndecodable(payload, 'malformed');
  if (context !== undefined && sealed.workflowId !== (context.workflowId ?? ''))
    return markUndecodable(payload, 'other_workflow');
  const key = await ring.find(sealed.wrapped);
  if (key === null) return markUndecodable(payload, 'key_unknown');
  return openSealed(sealed, key) ?? markUndecodable(payload, 'tampered');
}

/** `undefined` has no content to hide. */
function isEmpty({ metadata, data }: Payload): boolean {
  const encoding = metadata?.['encoding'];
  const isNothing = encoding !== undefined && Buffer.from(encoding).toString() === 'binary/null';
  return isNothing && (data === null || data === undefined || data.length === 0);
}
