import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { IN_TOTO_PAYLOAD_TYPE, payloadOf, preAuthEncoding, type Envelope } from '../../../src/core/dsse.js';

/** A key of an agent: what the directory lists, and what signs. */
export function makeAgentKey(): { publicKey: string; privateKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const { x } = publicKey.export({ format: 'jwk' });
  return { publicKey: Buffer.from(x ?? '', 'base64url').toString('base64'), privateKey };
}

/** Signed only where a check looks at the signature itself: the record has verified all. */
export function sealedBy(key: KeyObject | undefined, keyid: string, statement: object): Envelope {
  const payload = key === undefined ? new Uint8Array() : payloadOf(statement);
  const sig =
    key === undefined ? '' : sign(null, preAuthEncoding(IN_TOTO_PAYLOAD_TYPE, payload), key).toString('base64');
  return {
    payloadType: IN_TOTO_PAYLOAD_TYPE,
    payload: Buffer.from(payload).toString('base64'),
    signatures: [{ keyid, sig }],
  };
}
