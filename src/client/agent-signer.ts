import { createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto';
import type { PublicKey, Signer } from '../core/dsse.js';
import { Refusal } from '../core/errors.js';

/** An agent's own key, held in this process. Only signatures leave it. */
export interface AgentSigner extends Signer {
  agentId: string;
  /** As the directory must list it. */
  publicKey: PublicKey;
}

// RFC 8410: what stands before the 32 bytes of the seed, and of the public key, in DER.
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_PREFIX_BYTES = 12;

/**
 * Makes a signer from an agent's Ed25519 private key.
 * @param options.agentId the agent's id in the directory; the key id is `agent/<id>`.
 * @param options.privateKey PEM (PKCS #8), or the raw 32-byte seed in base64.
 * @throws Refusal `field_invalid` when it is no Ed25519 private key; the message never holds the key.
 * @example
 * const signer = createAgentSigner({ agentId: 'reporter', privateKey: await readFile('reporter.pem', 'utf8') });
 */
export function createAgentSigner({ agentId, privateKey }: { agentId: string; privateKey: string }): AgentSigner {
  const key = parsePrivateKey(privateKey.trim());
  const keyid = `agent/${agentId}`;
  return {
    agentId,
    keyid,
    publicKey: { keyid, publicKey: rawPublicKey(key).toString('base64') },
    sign: async (messages) => messages.map((message) => sign(null, message, key)),
  };
}

function parsePrivateKey(text: string): KeyObject {
  const key = text.startsWith('-----BEGIN ') ? parsePem(text) : parseSeed(text);
  if (key?.asymmetricKeyType !== 'ed25519') {
    throw new Refusal(
      'field_invalid',
      'The private key is not an Ed25519 key: give PKCS #8 PEM, or the 32-byte seed in base64.',
      'privateKey',
    );
  }
  return key;
}

function parsePem(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined; // OpenSSL's own message may quote the input
  }
}

function parseSeed(base64: string): KeyObject | undefined {
  const seed = Buffer.from(base64, 'base64');
  if (!/^[A-Za-z0-9+/]{43}=$/.test(base64) || seed.length !== 32) return undefined;
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
}

function rawPublicKey(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX_BYTES);
}
