import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProcessName } from '../../src/core/schemas/statements.js';
import type { Secret } from '../../src/core/secret.js';
import { writeBundle } from '../../src/policy/write-bundle.js';
import { createVaultClient, type VaultClient } from '../../src/vault/client.js';
import { ACCESS_AGENT, EXAMPLE_AGENT, EXAMPLE_TARGETS, POLICY_AUTHOR } from '../devstack/example.js';
import { install } from '../devstack/installation/install.js';
import { namesOf } from '../devstack/installation/names.js';
import { generateRootKey } from '../devstack/installation/root-key.js';
import { issueLogin } from '../devstack/installation/vault-logins.js';
import { examplePolicyStore } from '../devstack/operations/policy-store.js';
import { examplePolicyTarget } from '../devstack/operations/vault-policy.js';
import { examplePolicies, missingTargets, placesOfTargets } from '../devstack/place.js';
import type { InstallerConfig } from './settings.js';
import { prepareNamespace } from './temporal-namespace.js';
import { enableAuditFile, openVault } from './vault-init.js';

const PROCESSES: readonly ProcessName[] = ['gateway', 'worker', 'executor', 'notary'];

/**
 * Sets up an empty Vault, PostgreSQL and Temporal namespace once, and each time gives every process a fresh Vault login.
 * A login is single-use: run it again, then restart the processes, whenever they have to log in anew.
 */
export async function runInstaller(config: InstallerConfig, say: (message: string) => void): Promise<void> {
  const folder = (name: string): string => join(config.COUNTERSIGN_INSTALL_FOLDER, name);
  for (const name of ['admin', 'root', 'place', ...PROCESSES]) await mkdir(folder(name), { recursive: true });
  const adminToken = await openVault(config.COUNTERSIGN_VAULT_ADDRESS, folder('admin'));
  say('Vault is unsealed.');
  await prepareNamespace(config.COUNTERSIGN_TEMPORAL_ADDRESS, config.COUNTERSIGN_TEMPORAL_NAMESPACE);
  say(`Temporal serves the namespace ${config.COUNTERSIGN_TEMPORAL_NAMESPACE} with its search attributes.`);
  const installed = join(folder('admin'), 'installed');
  if (existsSync(installed)) say('Already installed; what was set up stays as it is.');
  else {
    await installOnce(config, adminToken, folder);
    await writeFile(installed, `${new Date().toISOString()}\n`);
    say('Vault, the databases, the keyring and the policy bundle are set up.');
  }
  await issueLogins(config, adminToken, folder);
  say('Every process has a new Vault login. It works once, within five minutes.');
}

async function installOnce(
  config: InstallerConfig,
  adminToken: Secret,
  folder: (name: string) => string,
): Promise<void> {
  const auditFile = config.COUNTERSIGN_INSTALL_VAULT_AUDIT_FILE;
  if (auditFile !== undefined) await enableAuditFile(config.COUNTERSIGN_VAULT_ADDRESS, adminToken, auditFile);
  const root = generateRootKey();
  // For whoever runs it: no process mounts this folder, and what lies there can be taken away. Kept before anything is sealed.
  await writeSecret(join(folder('root'), 'root.pem'), root.pem.reveal());
  const installation = await install({
    root,
    name: config.COUNTERSIGN_INSTALL_NAME,
    vault: { address: config.COUNTERSIGN_VAULT_ADDRESS, adminToken: adminToken.reveal() },
    postgres: {
      adminUrl: config.COUNTERSIGN_INSTALL_POSTGRES_ADMIN_URL,
      targetHost: config.COUNTERSIGN_INSTALL_TARGET_HOST,
    },
    targets: EXAMPLE_TARGETS,
    further: [examplePolicyTarget, examplePolicyStore],
  });
  const place = folder('place');
  const policies = join(place, 'policies');
  await rm(policies, { recursive: true, force: true });
  const accessKey = config.COUNTERSIGN_INSTALL_ACCESS_AGENT_KEY;
  const authorKey = config.COUNTERSIGN_INSTALL_POLICY_AUTHOR_KEY;
  const digest = await writeBundle(examplePolicies, policies, {
    agentKeys: {
      [EXAMPLE_AGENT]: config.COUNTERSIGN_INSTALL_AGENT_KEY,
      ...(accessKey !== undefined && { [ACCESS_AGENT]: accessKey }),
      ...(authorKey !== undefined && { [POLICY_AUTHOR]: authorKey }),
    },
    targets: placesOfTargets(installation),
    withoutTargets: await missingTargets(examplePolicies, installation),
  });
  await writeFile(join(place, 'keyring.json'), JSON.stringify(installation.keyring));
  await writeFile(join(place, 'policy-digest'), digest);
  await writeFile(join(place, 'root-key'), installation.root.publicKey);
  for (const process of PROCESSES) {
    await writeSecret(join(folder(process), 'record-url'), installation.recordUrls[process].reveal());
  }
}

async function issueLogins(
  config: InstallerConfig,
  adminToken: Secret,
  folder: (name: string) => string,
): Promise<void> {
  const admin: VaultClient = createVaultClient({
    address: config.COUNTERSIGN_VAULT_ADDRESS,
    credential: () => adminToken,
    timeoutMs: 30_000,
  });
  const names = namesOf(config.COUNTERSIGN_INSTALL_NAME);
  for (const process of PROCESSES) {
    const login = await issueLogin(admin, names, process);
    await writeSecret(join(folder(process), 'role-id'), login.roleId);
    await writeSecret(join(folder(process), 'wrapped-secret-id'), login.wrappedSecretId.reveal());
  }
}

async function writeSecret(file: string, value: string): Promise<void> {
  // Removed first: a mode is only given to a file that is made.
  await rm(file, { force: true });
  await writeFile(file, value, { mode: 0o600 });
}
