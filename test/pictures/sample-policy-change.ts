import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { examplePolicies } from '../../apps/devstack/place.js';
import { sha256Hex } from '../../src/core/json.js';
import { previewChange } from '../../src/operations/policy-change/preview.js';
import { packBundle } from '../../src/policy/governed/bundle-document.js';
import type { ActionView } from '../../src/record/action-view.js';
import { policyStoreTargetSchema } from '../../src/targets/policy-store.js';
import { VaultFault } from '../../src/vault/vault-fault.js';
import { after, assessHere, bundleOf } from '../support/policy-changes.js';
import { BASE, LEASING, TUESDAY_NIGHT_MS, viewOf } from '../unit/rendering/view-of.js';

/** One DBA fewer for exports of personal data, as its operation previews it; the store holds nothing yet. */
export async function policyChangeView(): Promise<ActionView> {
  const names = await readdir(examplePolicies);
  const texts = await Promise.all(
    names.map(async (name) => [name, await readFile(join(examplePolicies, name), 'utf8')] as const),
  );
  const inForce = bundleOf(Object.fromEntries(texts), 1, null);
  const next = after(inForce, 'database-export.cedar', '@review("dba:1 & data-owner:1")', '@review("dba:1")');
  const document = packBundle(next.files);
  const { number, digest } = next.policy.bundle;
  const mount = 'countersign-policy';
  const target = policyStoreTargetSchema.parse({
    ...{ kind: 'policy-store', name: 'policy', ...BASE },
    vault: { mount, ...LEASING },
  });
  const previous = inForce.policy.bundle.digest;
  const params = { target: 'policy', number, previous, digest, content: sha256Hex(document) };
  const vault = { read: () => Promise.reject(new VaultFault('a read', 404, [])) };
  const { preview, flags } = await previewChange(vault, {
    ...{ agent: 'export-bot', params, target, past: { sameKind: 0 }, nowMs: TUESDAY_NIGHT_MS },
    host: { scratchDir: '', program: (name) => name, governed: { mount, assess: assessHere, inForce: () => inForce } },
    keepsakes: { get: async () => new TextEncoder().encode(document), isUploadedBy: async () => true },
  });
  const reason = 'The data owner is on leave until January, and reports must go out.';
  return viewOf({ operation: 'policy.change', params, reason, target, preview, flags });
}
