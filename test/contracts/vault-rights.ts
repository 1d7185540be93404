import { grantLeasing as grantLeasingIn, type LeasingRights } from '../../apps/devstack/installation/leasing-rights.js';
import type { TestInstallation } from '../support/installation.js';

export type { LeasingRights, TokenRole } from '../../apps/devstack/installation/leasing-rights.js';

/**
 * Makes the token roles as production has them, and lets worker, executor and notary lease from them and end the leases.
 * Processes that logged in before do not get these rights.
 * @returns what takes all of it back.
 */
export async function grantLeasing(
  { vaultAdmin: admin, name: installation, vault }: TestInstallation,
  rights: LeasingRights,
): Promise<() => Promise<void>> {
  return grantLeasingIn({ admin, installation, approleMount: vault.mounts.approle, maxTtlSeconds: 3_600 }, rights);
}
