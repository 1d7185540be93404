import { ed25519 } from '@noble/curves/ed25519.js';

/** Whether a signature by this raw public key holds over the message; false for anything malformed. */
export type VerifyEd25519 = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

/**
 * Whether an Ed25519 signature (RFC 8032) holds. Pure JavaScript, so that it also runs in the workflow sandbox.
 * A malformed key or signature is simply not valid: this never throws.
 */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    // zip215 is the library's default and accepts forgeries under small-order keys.
    return ed25519.verify(signature, message, publicKey, { zip215: false });
  } catch {
    return false;
  }
}
