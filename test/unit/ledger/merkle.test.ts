import { describe, expect, it } from 'vitest';
import {
  consistencyProof,
  inclusionProof,
  leafHash,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from '../../../src/ledger/merkle.js';
import { openGrowingTree } from '../../../src/ledger/growing.js';
import { TILE_WIDTH, tileWidth } from '../../../src/ledger/tiles.js';
import { createTiledTree, type ReadTile } from '../../../src/ledger/tree.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => Buffer.from(text, 'hex');

// The leaves and roots that Certificate Transparency's own tests use (RFC 6962).
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

const vectorLeaves = LEAVES.map((leaf) => leafHash(bytes(leaf)));
const numbered = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, at) => leafHash(new TextEncoder().encode(`entry ${String(at)}`)));

describe('a Merkle tree of RFC 6962', () => {
  it.each(ROOTS.map((root, size) => ({ root, size })))('has the published root at size $size', ({ root, size }) => {
    expect(hex(rootOf(vectorLeaves.slice(0, size)))).toBe(root);
  });

  it.each([
    {
      index: 0,
      size: 8,
      proof: [
        '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
        '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
        '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
      ],
    },
    {
      index: 5,
      size: 8,
      proof: [
        'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
        'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
        'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
      ],
    },
    { index: 2, size: 3, proof: ['fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125'] },
  ])('has the published proof of leaf $index in $size', ({ index, size, proof }) => {
    expect(inclusionProof(vectorLeaves.slice(0, size), index).map(hex)).toEqual(proof);
  });

  it.each([
    { first: 1, second: 1, proof: [] },
    {
      first: 6,
      second: 8,
      proof: [
        '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
        'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
        'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
      ],
    },
    {
      first: 2,
      second: 5,
      proof: [
        '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
        'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      ],
    },
  ])('has the published proof that $first is the beginning of $second', ({ first, second, proof }) => {
    expect(consistencyProof(vectorLeaves.slice(0, second), first).map(hex)).toEqual(proof);
  });

  it('proves every leaf of every size, at its own index and in its own tree only', () => {
    const leaves = numbered(40);
    for (let size = 1; size <= leaves.length; size += 1) {
      const tree = leaves.slice(0, size);
      const root = rootOf(tree);
      for (const [index, leaf] of tree.entries()) {
        const proof = inclusionProof(tree, index);
        const claim = { leafHash: leaf, index, size, root };
        expect(verifyInclusion(claim, proof)).toBe(true);
        expect(verifyInclusion({ ...claim, index: (index + 1) % size }, proof)).toBe(size === 1);
        expect(verifyInclusion(claim, [...proof, root])).toBe(false);
        if (size > 1) {
          expect(verifyInclusion(claim, proof.slice(1))).toBe(false);
          expect(verifyInclusion({ ...claim, leafHash: tree[(index + 1) % size] ?? leaf }, proof)).toBe(false);
        }
      }
    }
  });

  it('proves every beginning of every size, and no other tree', () => {
    const leaves = numbered(40);
    const forked = [...leaves.slice(0, 3), leafHash(bytes('ff')), ...leaves.slice(4)];
    for (let second = 1; second <= leaves.length; second += 1) {
      for (let first = 1; first <= second; first += 1) {
        const tree = leaves.slice(0, second);
        const proof = consistencyProof(tree, first);
        const claim = {
          firstSize: first,
          firstRoot: rootOf(leaves.slice(0, first)),
          secondSize: second,
          secondRoot: rootOf(tree),
        };
        expect(verifyConsistency(claim, proof)).toBe(true);
        expect(verifyConsistency(claim, [...proof, claim.firstRoot])).toBe(false);
        if (first > 3) {
          const forkedRoot = rootOf(forked.slice(0, second));
          expect(verifyConsistency({ ...claim, secondRoot: forkedRoot }, proof)).toBe(false);
          expect(
            verifyConsistency({ ...claim, secondRoot: forkedRoot }, consistencyProof(forked.slice(0, second), first)),
          ).toBe(false);
        }
      }
    }
  });

  it.each([
    ['an empty proof of one in many', { index: 0, size: 5 }],
    ['an index beyond the tree', { index: 5, size: 5 }],
    ['a fraction', { index: 0.5, size: 5 }],
    ['a negative index', { index: -1, size: 5 }],
    ['no tree at all', { index: 0, size: 0 }],
  ])('takes no proof with %s', (_, { index, size }) => {
    const [leaf] = numbered(1) as [Uint8Array];
    expect(verifyInclusion({ leafHash: leaf, index, size, root: leaf }, [])).toBe(false);
  });

  it('takes no hash of another length', () => {
    const [one, two] = numbered(2) as [Uint8Array, Uint8Array];
    const claim = { leafHash: one, index: 0, size: 2, root: rootOf([one, two]) };
    expect(verifyInclusion(claim, [two])).toBe(true);
    expect(verifyInclusion(claim, [two.subarray(1)])).toBe(false);
  });
});

describe('a tree in tiles', () => {
  const leaves = numbered(TILE_WIDTH * TILE_WIDTH + 700);
  const tileAt = (size: number): ReadTile => {
    return async (level, index) => {
      const span = TILE_WIDTH ** level;
      const width = tileWidth(level, index, size);
      const hashes = Array.from({ length: width }, (_, at) => {
        const start = (index * TILE_WIDTH + at) * span;
        return rootOf(leaves.slice(start, start + span));
      });
      return Buffer.concat(hashes);
    };
  };

  it.each([1, 2, 255, 256, 257, 511, 512, 700, 66_200])('of %i answers as the flat one', async (size) => {
    const flat = leaves.slice(0, size);
    const tree = createTiledTree(tileAt(size));
    expect(hex(await tree.root(size))).toBe(hex(rootOf(flat)));
    for (const index of new Set([0, size >> 1, size - 1]))
      expect((await tree.inclusionProof(index, size)).map(hex)).toEqual(inclusionProof(flat, index).map(hex));
    for (const first of new Set([1, (size >> 1) + 1, size]))
      expect((await tree.consistencyProof(first, size)).map(hex)).toEqual(consistencyProof(flat, first).map(hex));
  });

  it.each([0, 1, 255, 256, 300, 65_280])('opened at %i grows to the same root and the same tiles', async (size) => {
    const growing = await openGrowingTree(size, tileAt(size));
    expect(hex(growing.root())).toBe(hex(rootOf(leaves.slice(0, size))));
    const full = leaves.slice(size, size + 600).flatMap((leaf) => growing.append(leaf));
    const end = Math.min(size + 600, leaves.length);
    expect(growing.size()).toBe(end);
    expect(hex(growing.root())).toBe(hex(rootOf(leaves.slice(0, end))));
    const read = tileAt(end);
    expect(full.length).toBeGreaterThan(1);
    for (const { level, index, hashes, root } of full) {
      expect(hex(hashes)).toBe(hex(await read(level, index)));
      const span = TILE_WIDTH ** (level + 1);
      expect(hex(root)).toBe(hex(rootOf(leaves.slice(index * span, (index + 1) * span))));
    }
  });
});
