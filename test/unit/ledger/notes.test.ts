import { ed25519 } from '@noble/curves/ed25519.js';
import { base64 } from '@scure/base';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../../src/core/errors.js';
import { formatCheckpoint, openCheckpoint, parseCheckpoint } from '../../../src/ledger/checkpoint.js';
import { entryOf, entryOfText } from '../../../src/ledger/entry.js';
import { inclusionProof, leafHash, rootOf } from '../../../src/ledger/merkle.js';
import { openNote, signNote, verifierKeyOf } from '../../../src/ledger/note.js';
import { formatProof, parseProof, verifyProof } from '../../../src/ledger/proof.js';
import { decodeBundle, encodeBundle, parseTilePath, tilePath, tileWidth } from '../../../src/ledger/tiles.js';

const seed = new Uint8Array(32).fill(7);
const ledgerKey = { name: 'example.com/ledger', publicKey: base64.encode(ed25519.getPublicKey(seed)) };
const signer = { keyid: 'checkpoint/1', sign: async (all: Uint8Array[]) => all.map((one) => ed25519.sign(one, seed)) };

describe('a signed note', () => {
  it('is taken as Go makes it, and its key is named as there', () => {
    const key = {
      name: 'PeterNeumann',
      publicKey: base64.encode(base64.decode(GO_KEY.split('+')[2] ?? '').subarray(1)),
    };
    expect(verifierKeyOf(key)).toBe(GO_KEY);
    expect(openNote(GO_NOTE, [key])).toEqual({ ok: true, text: GO_TEXT, signedBy: [key] });
  });

  it('opens again, whatever else signed it', async () => {
    const text = 'one\n\nthree\n';
    const note = await signNote(text, ledgerKey, signer);
    expect(openNote(note, [ledgerKey])).toEqual({ ok: true, text, signedBy: [ledgerKey] });
    const cosigned = `${note}— witness.example AAAAAAAA\n`;
    expect(openNote(cosigned, [ledgerKey])).toEqual({ ok: true, text, signedBy: [ledgerKey] });
  });

  it.each([
    ['a changed text', (note: string) => note.replace('one', 'two'), 'note_signature_invalid'],
    ['another name for the key', (note: string) => note.replace('example.com', 'example.org'), 'note_key_unknown'],
    ['no signature', (note: string) => note.slice(0, note.indexOf('—')), 'note_malformed'],
    ['no last newline', (note: string) => note.slice(0, -1), 'note_malformed'],
    ['a carriage return', (note: string) => note.replace('one', 'one\r'), 'note_malformed'],
    ['half a surrogate pair', (note: string) => note.replace('one', 'on\ud800'), 'note_malformed'],
    ['a second space', (note: string) => note.replace('— ', '—  '), 'note_malformed'],
    ['base64 without its end', (note: string) => note.replace(/=?\n$/, '\n'), 'note_malformed'],
    ['nothing', () => '', 'note_malformed'],
  ])('with %s does not open', async (_, change, fault) => {
    const note = await signNote('one\n', ledgerKey, signer);
    expect(openNote(change(note), [ledgerKey])).toEqual({ ok: false, fault });
  });

  it.each(['a b', 'a+b', ''])('is not signed under the name "%s"', async (name) => {
    await expect(signNote('one\n', { ...ledgerKey, name }, signer)).rejects.toThrow('name');
  });
});

describe('a checkpoint', () => {
  const checkpoint = { origin: ledgerKey.name, size: 20_852_163, root: new Uint8Array(32).fill(1) };

  it('reads as the example of its specification', () => {
    const text = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n';
    const parsed = parseCheckpoint(text);
    expect(parsed).toMatchObject({ origin: 'example.com/behind-the-sofa', size: 20_852_163 });
    expect(parsed === null ? null : formatCheckpoint(parsed)).toBe(text);
  });

  it.each([
    ['no root', 'o\n1\n'],
    ['a leading zero', 'o\n01\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n'],
    ['a sign', 'o\n+1\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n'],
    ['a size beyond what numbers can say', 'o\n9007199254740993\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n'],
    ['a short root', 'o\n1\nAQEB\n'],
    ['an empty line', 'o\n1\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n\n'],
    ['no origin', '\n1\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n'],
  ])('with %s is none', (_, text) => {
    expect(parseCheckpoint(text)).toBeNull();
  });

  it('counts for its own log only', async () => {
    const note = await signNote(formatCheckpoint(checkpoint), ledgerKey, signer);
    expect(openCheckpoint(note, ledgerKey.name, [ledgerKey])).toEqual({ ok: true, checkpoint });
    expect(openCheckpoint(note, 'example.com/other', [ledgerKey])).toMatchObject({ ok: false });
    const foreign = await signNote(formatCheckpoint({ ...checkpoint, origin: 'other' }), ledgerKey, signer);
    expect(openCheckpoint(foreign, ledgerKey.name, [ledgerKey])).toEqual({
      ok: false,
      fault: 'checkpoint_of_other_log',
    });
  });
});

describe('a .tlog-proof', () => {
  const entries = Array.from({ length: 7 }, (_, at) => new TextEncoder().encode(`entry ${String(at)}`));
  const leaves = entries.map(leafHash);
  const log = { origin: ledgerKey.name, keys: [ledgerKey] };
  const prove = async (index: number): Promise<string> => {
    const text = formatCheckpoint({ origin: log.origin, size: leaves.length, root: rootOf(leaves) });
    const checkpoint = await signNote(text, ledgerKey, signer);
    return formatProof({ index, hashes: inclusionProof(leaves, index), checkpoint });
  };
  const leafOf = (index: number): Uint8Array => leaves[index] ?? new Uint8Array(32);

  it('proves its entry and no other', async () => {
    const proof = await prove(4);
    expect(verifyProof(proof, leafOf(4), log)).toMatchObject({ ok: true, index: 4, checkpoint: { size: 7 } });
    expect(verifyProof(proof, leafOf(5), log)).toEqual({ ok: false, fault: 'proof_invalid' });
  });

  it('fails on any byte that is another, and never throws', async () => {
    const proof = Buffer.from(await prove(2));
    for (let at = 0; at < proof.length; at += 1) {
      for (const bit of [0x01, 0x20]) {
        const changed = Buffer.from(proof);
        changed[at] = (changed[at] ?? 0) ^ bit;
        expect(verifyProof(changed.toString('utf8'), leafOf(2), log).ok, `byte ${String(at)}`).toBe(false);
      }
    }
  });

  it('may carry extra data, which means nothing', async () => {
    const extra = (await prove(1)).replace('\nindex', '\nextra aGk=\nindex');
    expect(verifyProof(extra, leafOf(1), log)).toMatchObject({ ok: true, index: 1 });
    expect(parseProof(extra.replace('aGk=', 'aGk'))).toBeNull();
  });

  it.each([
    ['of another version', (proof: string) => proof.replace('@v1', '@v2')],
    ['with a leading zero', (proof: string) => proof.replace('index 1', 'index 01')],
    ['without its index', (proof: string) => proof.replace(/index .*\n/, '')],
    ['cut off', (proof: string) => proof.slice(0, proof.indexOf('\n\n'))],
  ])('%s is none', async (_, change) => {
    expect(parseProof(change(await prove(1)))).toBeNull();
  });
});

describe('an entry', () => {
  const envelope = {
    payloadType: 'application/vnd.in-toto+json',
    payload: 'aGVsbG8=',
    signatures: [{ keyid: 'a', sig: 'AQ==' }],
  };
  const text = (value: unknown): string => Buffer.from(entryOfText(JSON.stringify(value))).toString('utf8');

  it('names the payload by its digest, and holds all else', () => {
    expect(Buffer.from(entryOf(envelope)).toString('utf8')).toBe(
      '{"payloadSha256":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",' +
        '"payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"a","sig":"AQ=="}]}',
    );
  });

  it('is the same from the text of a row, whatever the order of its keys', () => {
    const { payload, payloadType, signatures } = envelope;
    expect(text({ signatures, payload, payloadType })).toBe(Buffer.from(entryOf(envelope)).toString('utf8'));
  });

  it('is another for every other envelope', () => {
    const others = [
      { ...envelope, payload: 'aGVsbG9=' },
      { ...envelope, payload: 'aGVsbG8' },
      { ...envelope, payload: 'aGVsbG8=\n' },
      { ...envelope, payload: 'aGVsbG8h' },
      { ...envelope, payloadType: 'text/plain' },
      { ...envelope, signatures: [] },
      { ...envelope, signatures: [{ keyid: 'b', sig: 'AQ==' }] },
      { ...envelope, signatures: [{ keyid: 'a', sig: 'AQ' }] },
      { ...envelope, signatures: [{ keyid: 'a', sig: 'AQ==', more: 1 }] },
      { ...envelope, more: 1 },
      { ...envelope, payload: 1 },
      { ...envelope, signatures: [{ keyid: 'a\ud800', sig: 'AQ==' }] },
      { ...envelope, signatures: [{ keyid: 'a'.repeat(70_000), sig: 'AQ==' }] },
      [],
      null,
    ];
    const entries = [envelope, ...others].map(text);
    expect(new Set(entries).size).toBe(entries.length);
    for (const entry of entries) expect(entry.length).toBeLessThanOrEqual(65_535);
  });

  it('is made of base64 in its one spelling only', () => {
    expect(() => entryOf({ ...envelope, payload: 'aGVsbG9=' })).toThrow(Refusal);
  });
});

describe('paths of tiles', () => {
  it.each([
    ['tile/0/000', { level: 0, index: 0, width: 256 }],
    ['tile/0/x001/x234/067', { level: 0, index: 1_234_067, width: 256 }],
    ['tile/2/001.p/17', { level: 2, index: 1, width: 17 }],
    ['tile/entries/x273/112.p/112', { level: 'entries' as const, index: 273_112, width: 112 }],
    ['tile/63/999', { level: 63, index: 999, width: 256 }],
  ])('%s', (path, tile) => {
    expect(tilePath(tile)).toBe(path);
    expect(parseTilePath(path)).toEqual(tile);
  });

  it.each([
    'tile/00/000',
    'tile/64/000',
    'tile/0/0',
    'tile/0/x000/001',
    'tile/0/000.p/0',
    'tile/0/000.p/01',
    'tile/0/000.p/256',
    'tile/0/x001',
    'tile/0/001/002',
    'tile/-1/000',
    'tile/0/000/',
    'tile/0/x999/x999/x999/x999/x999/x999/999',
  ])('%s is none', (path) => {
    expect(parseTilePath(path)).toBeNull();
  });

  it('are as wide as the specification says of a tree of 70,000', () => {
    expect(tileWidth(0, 272, 70_000)).toBe(256);
    expect(tileWidth(0, 273, 70_000)).toBe(112);
    expect(tileWidth(1, 0, 70_000)).toBe(256);
    expect(tileWidth(1, 1, 70_000)).toBe(17);
    expect(tileWidth(2, 0, 70_000)).toBe(1);
    expect(tileWidth(2, 1, 70_000)).toBe(0);
    expect(tileWidth('entries', 273, 70_000)).toBe(112);
  });

  it('hold bundles that read back', () => {
    const entries = [new Uint8Array(0), new Uint8Array([1, 2]), new Uint8Array(65_535)];
    expect(decodeBundle(encodeBundle(entries))?.map((entry) => entry.length)).toEqual([0, 2, 65_535]);
    expect(decodeBundle(encodeBundle(entries).subarray(0, -1))).toBeNull();
    expect(decodeBundle(new Uint8Array([0]))).toBeNull();
  });
});

// The key, the text and the note of the examples of golang.org/x/mod/sumdb/note.
const GO_KEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const GO_NOTE = `${GO_TEXT}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n`;
