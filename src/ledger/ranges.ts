/** Leaves from `start` up to but not including `end`: the span of one hash in a proof. */
export interface Range {
  start: number;
  end: number;
}

/** A complete subtree: the leaves from `index · 2^level`, `2^level` of them. */
export interface Subtree {
  level: number;
  index: number;
}

/**
 * What each hash of an inclusion proof spans (RFC 6962, 2.1.1), from the leaf's sibling to the root's child.
 * @throws RangeError when the tree has no such leaf.
 */
export function inclusionRanges(index: number, size: number): Range[] {
  if (!(index >= 0 && index < size))
    throw new RangeError(`There is no leaf ${String(index)} in a tree of ${String(size)}.`);
  const ranges: Range[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + leftSize(end - start);
    if (index < middle) {
      ranges.push({ start: middle, end });
      end = middle;
    } else {
      ranges.push({ start, end: middle });
      start = middle;
    }
  }
  return ranges.reverse();
}

/**
 * What each hash of a consistency proof spans (RFC 6962, 2.1.2).
 * @throws RangeError unless 1 ≤ first ≤ second.
 */
export function consistencyRanges(first: number, second: number): Range[] {
  if (!(first >= 1 && first <= second))
    throw new RangeError(`A tree of ${String(first)} is not the beginning of one of ${String(second)}.`);
  const ranges: Range[] = [];
  let [start, end] = [0, second];
  while (first < end) {
    const middle = start + leftSize(end - start);
    if (first <= middle) {
      ranges.push({ start: middle, end });
      end = middle;
    } else {
      ranges.push({ start, end: middle });
      start = middle;
    }
  }
  // The verifier holds the root of the first tree, but not that of a subtree which ends where it does.
  if (start > 0) ranges.push({ start, end });
  return ranges.reverse();
}

/** The complete subtrees that make up a range which begins where a tree of its size may (0, or after a larger left one). */
export function subtreesOf({ start, end }: Range): Subtree[] {
  const subtrees: Subtree[] = [];
  let at = start;
  while (at < end) {
    const level = Math.floor(Math.log2(end - at));
    subtrees.push({ level, index: at / 2 ** level });
    at += 2 ** level;
  }
  return subtrees;
}

/** Leaves in the left subtree of a tree of this size: the largest power of two below it. */
function leftSize(size: number): number {
  return 2 ** Math.floor(Math.log2(size - 1));
}
