import { canonicalJson } from '../core/json.js';
import { Refusal } from '../core/errors.js';
import { bundleFilesOf, bundleInvalid, type BundleFiles } from '../policy/bundle-files.js';
import { checkBundleFiles } from '../policy/load-bundle.js';
import type { Policy } from '../policy/policy.js';
import { policyFilesSchema, type PolicyFiles } from './format.js';

/** A policy bundle's files for an evidence bundle, sorted by path. */
export function policyFilesOf({ digest, files }: Pick<BundleFiles, 'digest' | 'files'>): PolicyFiles {
  const sorted = [...files].sort(([one], [other]) => (one < other ? -1 : 1));
  return { digest, files: sorted.map(([path, { text }]) => ({ path, text })) };
}

/** As they are kept in the content store. */
export function encodePolicyFiles(files: PolicyFiles): Uint8Array {
  return new TextEncoder().encode(canonicalJson(files));
}

/** @throws when the bytes are nothing that `encodePolicyFiles` wrote. */
export function decodePolicyFiles(bytes: Uint8Array): PolicyFiles {
  return policyFilesSchema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
}

/**
 * The policy of these files.
 * @throws Refusal `bundle_digest_mismatch` when they are not those of their digest; `bundle_invalid` when they do not load.
 */
export function loadPolicyFiles(kept: PolicyFiles): Policy {
  const files = bundleFilesOf(Object.fromEntries(kept.files.map(({ path, text }) => [path, text])));
  if (files.digest !== kept.digest || !isSorted(kept))
    throw new Refusal('bundle_digest_mismatch', `The policy files are not those of their digest ${kept.digest}.`);
  const { policy, problems } = checkBundleFiles(files);
  if (policy === null) throw bundleInvalid(kept.digest, problems);
  return policy;
}

/** Twice the same file, or in another order, would be another file with the same digest. */
function isSorted({ files }: PolicyFiles): boolean {
  return files.every(({ path }, at) => at === 0 || (files[at - 1]?.path ?? '') < path);
}
