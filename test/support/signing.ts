import { generateKeyPairSync, sign } from 'node:crypto';
import { ulid } from 'ulid';
import { base64 } from '@scure/base';
import { seal, type Envelope, type PublicKey, type Signer } from '../../src/core/dsse.js';
import type { StatementBody, StatementKind } from '../../src/core/schemas/statements.js';
import { buildStatement } from '../../src/core/statement.js';

/** A key made for one test. */
export interface TestKey {
  signer: Signer;
  publicKey: PublicKey;
}

export function makeKey(keyid: string): TestKey {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  return {
    publicKey: { keyid, publicKey: base64.encode(new Uint8Array(raw)) },
    signer: {
      keyid,
      sign: async (messages) => messages.map((message) => new Uint8Array(sign(null, message, privateKey))),
    },
  };
}

/** Seals one statement, as the process or agent that holds the key would. */
export async function sealStatement<K extends StatementKind>(
  kind: K,
  actionId: string,
  requestDigest: string,
  body: StatementBody<K>,
  key: TestKey,
): Promise<Envelope> {
  const [envelope] = await seal([buildStatement(kind, { actionId, requestDigest, body, chain: null })], key.signer);
  if (envelope === undefined) throw new Error('nothing was sealed');
  return envelope;
}

export const newActionId = (): string => ulid();
