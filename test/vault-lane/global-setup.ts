import type { TestProject } from 'vitest/node';
import { readDevstackEnvironment } from '../../apps/devstack/environment.js';
import { locateHashicorpVault } from '../../apps/devstack/services/executables.js';
import { startForTests } from '../global-setup.js';

/** The services of a run on HashiCorp's Vault; the lane is red, not shorter, where there is none. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  return startForTests(project, locateHashicorpVault(readDevstackEnvironment()));
}
