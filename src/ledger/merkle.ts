import { createHash } from 'node:crypto';
import { consistencyRanges, inclusionRanges, type Range } from './ranges.js';

/** Bytes of a hash: the tree is one of SHA-256. */
export const HASH_BYTES = 32;

/** The hash of one entry as a leaf: SHA-256(0x00 ‖ entry) (RFC 6962, 2.1). */
export function leafHash(entry: Uint8Array): Uint8Array {
  return createHash('sha256').update(LEAF).update(entry).digest();
}

/** The hash of two neighbours: SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return createHash('sha256').update(NODE).update(left).update(right).digest();
}

/** The root of the tree over these leaf hashes, in their order; of none, SHA-256 of nothing. */
export function rootOf(leafHashes: Iterable<Uint8Array>): Uint8Array {
  const frontier = createFrontier();
  for (const hash of leafHashes) frontier.append(hash);
  return frontier.root();
}

/**
 * The hashes that, with an entry's own, make the root: from the leaf's sibling up to the root's child (RFC 6962, 2.1.1).
 * @throws RangeError when there is no leaf of that index.
 */
export function inclusionProof(leafHashes: readonly Uint8Array[], index: number): Uint8Array[] {
  return inclusionRanges(index, leafHashes.length).map((range) => rootOfRange(leafHashes, range));
}

/**
 * The hashes that prove that the tree over the first `size` leaves is the beginning of this one (RFC 6962, 2.1.2).
 * @throws RangeError unless 1 ≤ size ≤ the number of leaves.
 */
export function consistencyProof(leafHashes: readonly Uint8Array[], size: number): Uint8Array[] {
  return consistencyRanges(size, leafHashes.length).map((range) => rootOfRange(leafHashes, range));
}

/** That a leaf stands at an index of the tree of this size and root. */
export interface InclusionClaim {
  leafHash: Uint8Array;
  index: number;
  size: number;
  root: Uint8Array;
}

/** Whether a proof shows it (RFC 9162, 2.1.3.2). Never throws. */
export function verifyInclusion(
  { leafHash: leaf, index, size, root }: InclusionClaim,
  proof: readonly Uint8Array[],
): boolean {
  if (!isCount(index) || !isCount(size) || index >= size || !areHashes([leaf, root, ...proof])) return false;
  let node = index;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (isOdd(node) || node === last) {
      hash = nodeHash(sibling, hash);
      // The last of a level without a right neighbour goes up as it is.
      while (!isOdd(node) && node !== 0) [node, last] = [half(node), half(last)];
    } else hash = nodeHash(hash, sibling);
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && equalHashes(hash, root);
}

/** That the smaller tree is the beginning of the larger one. */
export interface ConsistencyClaim {
  firstSize: number;
  firstRoot: Uint8Array;
  secondSize: number;
  secondRoot: Uint8Array;
}

/** Whether a proof shows it (RFC 9162, 2.1.4.2). Never throws. The first tree has one leaf at least. */
export function verifyConsistency(
  { firstSize, firstRoot, secondSize, secondRoot }: ConsistencyClaim,
  proof: readonly Uint8Array[],
): boolean {
  if (!isCount(firstSize) || !isCount(secondSize) || firstSize < 1 || firstSize > secondSize) return false;
  if (!areHashes([firstRoot, secondRoot, ...proof])) return false;
  if (firstSize === secondSize) return proof.length === 0 && equalHashes(firstRoot, secondRoot);
  let node = firstSize - 1;
  let last = secondSize - 1;
  while (isOdd(node)) [node, last] = [half(node), half(last)];
  // A first tree that is complete is itself the first node of the path.
  const path = node === 0 ? [firstRoot, ...proof] : proof;
  const [start, ...rest] = path;
  if (start === undefined) return false;
  let [first, second] = [start, start];
  for (const sibling of rest) {
    if (last === 0) return false;
    if (isOdd(node) || node === last) {
      first = nodeHash(sibling, first);
      second = nodeHash(sibling, second);
      while (!isOdd(node) && node !== 0) [node, last] = [half(node), half(last)];
    } else second = nodeHash(second, sibling);
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && equalHashes(first, firstRoot) && equalHashes(second, secondRoot);
}

/** A tree as it grows: the roots of its complete subtrees, and so its root at each size. */
export interface Frontier {
  size(): number;
  append(leafHash: Uint8Array): void;
  root(): Uint8Array;
}

/** @param complete roots of the complete subtrees of the tree so far, largest first, as many as `size` has ones in binary. */
export function createFrontier(size = 0, complete: readonly Uint8Array[] = []): Frontier {
  const subtrees = [...complete];
  let count = size;
  return {
    size: () => count,
    append(hash) {
      let node = hash;
      for (let rest = count; isOdd(rest); rest = half(rest)) {
        const left = subtrees.pop();
        if (left === undefined) throw new Error('createFrontier: fewer subtrees than the size demands');
        node = nodeHash(left, node);
      }
      subtrees.push(node);
      count += 1;
    },
    root: () => foldSubtrees(subtrees),
  };
}

/** The root over complete subtrees, each smaller than the one before it. */
export function foldSubtrees(subtrees: readonly Uint8Array[]): Uint8Array {
  const last = subtrees.at(-1);
  if (last === undefined) return createHash('sha256').digest();
  return subtrees.slice(0, -1).reduceRight((right, left) => nodeHash(left, right), last);
}

/** Whether two hashes are the same. */
export function equalHashes(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

const LEAF = new Uint8Array([0]);
const NODE = new Uint8Array([1]);

function rootOfRange(leafHashes: readonly Uint8Array[], { start, end }: Range): Uint8Array {
  return rootOf(leafHashes.slice(start, end));
}

// Sizes may be beyond 32 bits, so that shifts would be wrong.
const isOdd = (n: number): boolean => n % 2 === 1;
const half = (n: number): number => Math.floor(n / 2);

function isCount(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0;
}

function areHashes(all: readonly Uint8Array[]): boolean {
  return all.every((hash) => hash.length === HASH_BYTES);
}
