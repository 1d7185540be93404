import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import type { PublicKey, Signer } from '../../../src/core/dsse.js';
import { Secret } from '../../../src/core/secret.js';

/** The offline root: it signs keyrings and nothing else, and no process has it. */
export interface RootKey {
  publicKey: PublicKey;
  signer: Signer;
}

/** Makes a root key in memory, with its PEM to keep. In production it is made and kept on a machine without a network. */
export function generateRootKey(): RootKey & { pem: Secret } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const keyid = 'root';
  return {
    publicKey: { keyid, publicKey: rawPublicKey(publicKey) },
    signer: { keyid, sign: async (messages) => messages.map((message) => sign(null, message, privateKey)) },
    pem: new Secret(privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()),
  };
}

/** base64 of the 32 bytes: the JWK holds them as base64url. */
function rawPublicKey(key: KeyObject): string {
  return Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url').toString('base64');
}
