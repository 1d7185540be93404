import { readBundleFiles } from '../../../../src/policy/bundle-files.js';
import { compareBundles } from '../../../../src/policy/compare/compare-bundles.js';
import type { BundleComparison, ComparableBundle } from '../../../../src/policy/compare/comparison.js';
import { checkBundleFiles } from '../../../../src/policy/load-bundle.js';
import { editedBundle, EXAMPLE, type Edit } from '../bundle-folders.js';

/** A folder with a bundle that must load, ready to be compared. */
async function comparable(dir: string): Promise<ComparableBundle> {
  const read = await readBundleFiles(dir);
  const { policy, problems } = checkBundleFiles(read);
  if (policy === null) throw new Error(`the bundle does not load: ${JSON.stringify(problems)}`);
  return { policy, files: read.files };
}

let example: Promise<ComparableBundle> | null = null;

/** The example bundle with edits. */
export async function editedExample(edits: readonly Edit[]): Promise<ComparableBundle> {
  if (edits.length > 0) return comparable(await editedBundle(edits));
  example ??= comparable(EXAMPLE);
  return example;
}

/** The example bundle, with what was there before, against itself with edits. */
export async function comparedWith(edits: readonly Edit[], base: readonly Edit[] = []): Promise<BundleComparison> {
  return compareBundles(await editedExample(base), await editedExample([...base, ...edits]));
}
