import { setTimeout as delay } from 'node:timers/promises';
import { EXECUTE_USES, PREVIEW_USES } from '../../../src/operations/policy-change/execute.js';
import type { PolicyStoreTarget } from '../../../src/targets/policy-store.js';
import type { VaultClient } from '../../../src/vault/client.js';
import { VaultFault } from '../../../src/vault/vault-fault.js';
import type { FurtherTarget } from './further-target.js';
import { grantLeasing } from './leasing-rights.js';
import { allow } from './vault-policies/rules.js';

const UPGRADE_ATTEMPTS = 100;
const ASK_AGAIN_MS = 100;

/** Mounts the KV engine that approved policy bundles lie in. Nobody overwrites there what they have not read. */
export async function installPolicyStore(admin: VaultClient, mount: string): Promise<void> {
  await admin.write(`sys/mounts/${mount}`, { type: 'kv', options: { version: '2' } });
  for (let attempt = 1; ; attempt += 1) {
    try {
      await admin.write(`${mount}/config`, { cas_required: true, max_versions: 100 });
      return;
    } catch (error) {
      // A new mount of this kind answers 400 while it prepares itself.
      if (!(error instanceof VaultFault && error.status === 400) || attempt === UPGRADE_ATTEMPTS) throw error;
      await delay(ASK_AGAIN_MS);
    }
  }
}

/** For `policy.change`: the store of the installation's own policy bundles. */
export function policyStore(spec: Omit<PolicyStoreTarget, 'kind' | 'vault'>): FurtherTarget {
  return async ({ admin, names, maxTtlSeconds }) => {
    const { installation, approleMount, policyMount: mount } = names;
    const previewTokenRole = `${installation}-preview-${spec.name}`;
    const executeTokenRole = `${installation}-execute-${spec.name}`;
    const uninstall = await grantLeasing(
      { admin, installation, approleMount, maxTtlSeconds },
      {
        preview: { name: previewTokenRole, policy: storeReaderPolicy(mount), uses: PREVIEW_USES },
        execute: { name: executeTokenRole, policy: storeWriterPolicy(mount), uses: EXECUTE_USES },
      },
    );
    return {
      target: { kind: 'policy-store', ...spec, vault: { mount, previewTokenRole, executeTokenRole } },
      uninstall,
    };
  };
}

function storeReaderPolicy(mount: string): string {
  return ['data', 'metadata'].map((part) => allow(`${mount}/${part}/*`, ['read'])).join('\n');
}

/** Bundles and the pointer, nothing else; never deleted, and by compare-and-set alone, for the mount demands it. */
function storeWriterPolicy(mount: string): string {
  return [
    ...['bundles/*', 'current'].map((path) => allow(`${mount}/data/${path}`, ['create', 'read', 'update'])),
    allow(`${mount}/metadata/*`, ['read']),
  ].join('\n');
}
