import { ed25519, ED25519_TORSION_SUBGROUP } from '@noble/curves/ed25519.js';
import { base64 } from '@scure/base';
import { describe, expect, test } from 'vitest';
import {
  IN_TOTO_PAYLOAD_TYPE,
  open,
  payloadDigest,
  preAuthEncoding,
  readPayload,
  seal,
} from '../../../src/core/dsse.js';
import type { Envelope, PublicKey } from '../../../src/core/dsse.js';
import { sha256Hex } from '../../../src/core/json.js';
import { makeKey } from '../../support/signing.js';

const key = makeKey('decision/1');
const other = makeKey('decision/2');
const keys = [other.publicKey, key.publicKey];
const statement = { decision: 'approve', über: ['€'] };

async function sealed(value: unknown = statement): Promise<Envelope> {
  const [envelope] = await seal([value], key.signer);
  if (envelope === undefined) throw new Error('nothing was sealed');
  return envelope;
}
const envelope = await sealed();
const signedBytes = {
  // A JSON text but for the byte 0xff between its quotes.
  notUtf8: await sealedBytes(new Uint8Array([0x22, 0xff, 0x22])),
  notJson: await sealedBytes(new TextEncoder().encode('{"a":')),
  nothing: await sealedBytes(new Uint8Array()),
};

/** An envelope over bytes that `seal` would not make. */
async function sealedBytes(payload: Uint8Array): Promise<Envelope> {
  const [signature] = await key.signer.sign([preAuthEncoding(IN_TOTO_PAYLOAD_TYPE, payload)]);
  if (signature === undefined) throw new Error('nothing was signed');
  return {
    ...envelope,
    payload: base64.encode(payload),
    signatures: [{ keyid: key.signer.keyid, sig: base64.encode(signature) }],
  };
}

const withSignature = (change: Partial<Envelope['signatures'][number]>): Envelope => ({
  ...envelope,
  signatures: envelope.signatures.map((signature) => ({ ...signature, ...change })),
});

describe('an envelope', () => {
  test('opens under the key that sealed it, and says which', () => {
    expect(open(envelope, keys)).toEqual({ ok: true, keyid: 'decision/1', payload: statement });
    expect(readPayload(envelope)).toEqual(statement);
    expect(payloadDigest(envelope)).toBe(sha256Hex('{"decision":"approve","über":["€"]}'));
  });

  test('covers type and payload as DSSE says', () => {
    const text = new TextDecoder().decode(
      preAuthEncoding('http://example.com/HelloWorld', new TextEncoder().encode('hello world')),
    );
    expect(text).toBe('DSSEv1 29 http://example.com/HelloWorld 11 hello world');
  });

  test('seals each of a batch by itself, and nothing when the signer answers short', async () => {
    const batch = await seal([1, 2, 3], key.signer);
    expect(batch.map((one) => open(one, keys))).toEqual(
      [1, 2, 3].map((payload) => ({ ok: true, keyid: 'decision/1', payload })),
    );
    const short = { keyid: 'decision/1', sign: async () => [] };
    await expect(seal([1], short)).rejects.toThrow('fewer signatures');
  });
});

/** The bytes with one bit of one byte turned. */
function withBitTurned(bytes: Uint8Array, at: number, bit: number): Uint8Array {
  return bytes.map((byte, index) => (index === at ? byte ^ (1 << bit) : byte));
}

describe('an envelope does not open', () => {
  test('with any byte of its payload changed', () => {
    const payload = base64.decode(envelope.payload);
    for (const at of payload.keys()) {
      const tampered = { ...envelope, payload: base64.encode(withBitTurned(payload, at, at % 8)) };
      expect(open(tampered, keys), `byte ${String(at)}`).toEqual({ ok: false, fault: 'signature_invalid' });
    }
  });

  test('with any bit of its signature changed', () => {
    const signature = base64.decode(envelope.signatures[0]?.sig ?? '');
    expect(signature.length).toBe(64);
    for (const at of signature.keys())
      for (let bit = 0; bit < 8; bit += 1) {
        const tampered = withSignature({ sig: base64.encode(withBitTurned(signature, at, bit)) });
        expect(open(tampered, keys), `byte ${String(at)}`).toEqual({ ok: false, fault: 'signature_invalid' });
      }
  });

  test('with any character of its key id changed', () => {
    const { keyid } = key.signer;
    for (const at of Array.from(keyid).keys()) {
      const tampered = withSignature({ keyid: `${keyid.slice(0, at)}~${keyid.slice(at + 1)}` });
      expect(open(tampered, keys)).toEqual({ ok: false, fault: 'key_unknown' });
    }
  });

  test.each<[string, Envelope, PublicKey[], string]>([
    ['under another key’s id', withSignature({ keyid: 'decision/2' }), keys, 'signature_invalid'],
    ['under no key', envelope, [], 'key_unknown'],
    ['under other keys only', envelope, [other.publicKey], 'key_unknown'],
    ['as another type', { ...envelope, payloadType: 'application/json' }, keys, 'payload_type_unknown'],
    ['with the order of S added to S', withSignature({ sig: addOrder(envelope) }), keys, 'signature_invalid'],
    [
      'with padding bits set in its payload',
      { ...envelope, payload: unpadded(envelope.payload) },
      keys,
      'envelope_malformed',
    ],
  ])('%s', (_, tampered, known, fault) => {
    expect(open(tampered, known)).toEqual({ ok: false, fault });
  });
});

/** The same point equation, another signature: S + L, which RFC 8032 5.1.7 has refused. */
function addOrder({ signatures }: Envelope): string {
  const signature = base64.decode(signatures[0]?.sig ?? '');
  let carry = ed25519.Point.Fn.ORDER;
  const malleable = signature.map((byte, index) => {
    if (index < 32) return byte;
    carry += BigInt(byte);
    const low = Number(carry & 255n);
    carry >>= 8n;
    return low;
  });
  return base64.encode(malleable);
}

/** Without the `=` of base64: the same bytes to a careless reader, another envelope to a careful one. */
function unpadded(text: string): string {
  const bare = text.replace(/=+$/, '');
  return bare === text ? `${text}=` : bare;
}

describe('a small-order key, under which anyone can sign anything', () => {
  const message = new TextEncoder().encode('anything at all');
  const points = ED25519_TORSION_SUBGROUP.map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')));
  const forgeries = points.flatMap((publicKey) =>
    points.map((point) => ({ publicKey, signature: Uint8Array.from([...point, ...new Uint8Array(32)]) })),
  );

  test('does pass the library’s default', () => {
    expect(forgeries.some(({ publicKey, signature }) => ed25519.verify(signature, message, publicKey))).toBe(true);
    const identity = points.find((point) => point[0] === 1 && point.slice(1).every((byte) => byte === 0));
    expect(identity).toBeDefined();
  });

  test('opens nothing', () => {
    for (const { publicKey, signature } of forgeries) {
      const weak: PublicKey = { keyid: 'decision/1', publicKey: base64.encode(publicKey) };
      const forged = withSignature({ sig: base64.encode(signature) });
      expect(open(forged, [weak])).toEqual({ ok: false, fault: 'signature_invalid' });
    }
  });
});

describe('whatever it is handed, opening answers and does not throw', () => {
  const [signature] = envelope.signatures;
  test.each<[string, unknown]>([
    ['null', null],
    ['undefined', undefined],
    ['a number', 1],
    ['a text', JSON.stringify(envelope)],
    ['a list', [envelope]],
    ['an empty object', {}],
    ['no payload', { ...envelope, payload: undefined }],
    ['a payload that is no text', { ...envelope, payload: { length: 4 } }],
    ['a payload that is no base64', { ...envelope, payload: '***' }],
    ['a payload in base64url', { ...envelope, payload: `${envelope.payload.slice(0, -4)}-_-_` }],
    ['an empty payload', { ...envelope, payload: '' }],
    ['no type', { ...envelope, payloadType: null }],
    ['no signatures', { ...envelope, signatures: undefined }],
    ['an empty list of signatures', { ...envelope, signatures: [] }],
    ['two signatures', { ...envelope, signatures: [signature, signature] }],
    ['a list-like object of signatures', { ...envelope, signatures: { 0: signature, length: 1 } }],
    ['a null signature', { ...envelope, signatures: [null] }],
    ['a signature without a key id', { ...envelope, signatures: [{ sig: signature?.sig }] }],
    ['a signature of numbers', { ...envelope, signatures: [{ keyid: 'decision/1', sig: [1, 2] }] }],
    ['a signature that is no base64', withSignature({ sig: '!' })],
    ['an empty signature', withSignature({ sig: '' })],
    ['a signature one byte short', withSignature({ sig: base64.encode(new Uint8Array(63)) })],
    ['a signature one byte long', withSignature({ sig: base64.encode(new Uint8Array(65)) })],
    ['a signature of ones', withSignature({ sig: base64.encode(new Uint8Array(64).fill(255)) })],
    ['a key id like a property of objects', withSignature({ keyid: '__proto__' })],
    ['signed bytes that are not UTF-8', signedBytes.notUtf8],
    ['signed text that is not JSON', signedBytes.notJson],
    ['nothing, signed', signedBytes.nothing],
  ])('%s', (_, candidate) => {
    expect(open(candidate, keys)).toMatchObject({ ok: false });
  });

  test.each<[string, string]>([
    ['no base64', '***'],
    ['empty', ''],
    ['a byte short', base64.encode(new Uint8Array(31))],
    ['a byte long', base64.encode(new Uint8Array(33))],
    ['no point of the curve', base64.encode(new Uint8Array(32).fill(255))],
  ])('a key that is %s', (_, publicKey) => {
    expect(open(envelope, [{ keyid: 'decision/1', publicKey }])).toMatchObject({ ok: false });
  });
});
