import type { ComparableBundle } from '../../../src/policy/compare/comparison.js';
import { bundleUsage } from '../bundle-usage.js';
import { UsageError } from '../exit-codes.js';

/** A bundle of the command line that loads. @throws UsageError when it does not. */
export async function loadComparable(dir: string): Promise<ComparableBundle> {
  const { readBundleFiles } = await import('../../../src/policy/bundle-files.js');
  const { checkBundleFiles } = await import('../../../src/policy/load-bundle.js');
  const read = await bundleUsage(() => readBundleFiles(dir));
  const { policy } = checkBundleFiles(read);
  if (policy === null) throw new UsageError(`${dir} does not load; see: countersign policy check ${dir}`);
  return { policy, files: read.files };
}
