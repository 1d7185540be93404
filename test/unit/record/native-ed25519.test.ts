import { base64 } from '@scure/base';
import { describe, expect, it } from 'vitest';
import { verifyEd25519 } from '../../../src/core/ed25519.js';
import { createNativeVerifier } from '../../../src/record/native-ed25519.js';
import { makeKey } from '../../support/signing.js';

const message = new TextEncoder().encode('an action digest');
const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));

async function signed() {
  const { signer, publicKey } = makeKey('k');
  const [signature = new Uint8Array()] = await signer.sign([message]);
  return { key: base64.decode(publicKey.publicKey), signature };
}

describe('the native Ed25519 verifier', () => {
  it('accepts what the pure one accepts', async () => {
    const { key, signature } = await signed();
    expect([createNativeVerifier(), verifyEd25519].map((verify) => verify(key, message, signature))).toEqual([
      true,
      true,
    ]);
  });

  it.each([
    ['another message', ({ key, signature }) => [key, new Uint8Array([1]), signature]],
    [
      'a changed signature',
      ({ key, signature }) => [key, message, signature.map((byte, index) => (index === 3 ? byte ^ 1 : byte))],
    ],
    ['a short signature', ({ key, signature }) => [key, message, signature.slice(0, 63)]],
    ['an empty signature', ({ key }) => [key, message, new Uint8Array()]],
    ['a short key', ({ key, signature }) => [key.slice(1), message, signature]],
    ['no point of the curve', ({ signature }) => [hex('02'.padEnd(64, '0')), message, signature]],
    // R = identity, S = 0 under a key of order 1 or 4 verifies for some or all messages unless the key is refused.
    ['a forgery under the identity key', () => [hex('01'.padEnd(64, '0')), message, hex('01'.padEnd(128, '0'))]],
    ['a forgery under a small-order key', () => [hex('00'.padEnd(64, '0')), message, hex('01'.padEnd(128, '0'))]],
    [
      'S beyond the group order',
      ({ key, signature }) => {
        const order = 2n ** 252n + 27742317777372353535851937790883648493n;
        const s = BigInt(`0x${Buffer.from(signature.slice(32)).reverse().toString('hex')}`) + order;
        return [
          key,
          message,
          new Uint8Array([
            ...signature.slice(0, 32),
            ...Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse(),
          ]),
        ];
      },
    ],
  ] satisfies [string, (valid: { key: Uint8Array; signature: Uint8Array }) => [Uint8Array, Uint8Array, Uint8Array]][])(
    'refuses %s, as the pure one does',
    async (_, forge) => {
      const [key, text, signature] = forge(await signed());
      expect([createNativeVerifier(), verifyEd25519].map((verify) => verify(key, text, signature))).toEqual([
        false,
        false,
      ]);
    },
  );
});
