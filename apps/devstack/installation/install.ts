import type { Envelope, PublicKey } from '../../../src/core/dsse.js';
import { KEY_PURPOSES, sealKeyring } from '../../../src/core/keyring.js';
import type { ProcessName } from '../../../src/core/schemas/statements.js';
import { Secret } from '../../../src/core/secret.js';
import type { PostgresTarget } from '../../../src/targets/postgres.js';
import { kindOf, type Target } from '../../../src/targets/targets.js';
import { createVaultClient, type VaultClient } from '../../../src/vault/client.js';
import { CONTENT_KEY, PAYLOAD_KEY } from '../../../src/vault/data-keys.js';
import { readTransitKeys } from '../../../src/vault/transit-signer.js';
import type { FurtherTarget, InstalledTarget } from './further-target.js';
import { namesOf, type Names, type TargetSpec } from './names.js';
import { installOrders } from './orders-database.js';
import { installPolicyStore } from './policy-store.js';
import { dropDatabasesAndRoles } from './postgres-admin.js';
import { installRecord } from './record-database.js';
import { generateRootKey, type RootKey } from './root-key.js';
import { installLogins, issueLogin, PROCESS_POLICIES, type ProcessLogin } from './vault-logins.js';
import { installVaultTarget } from './vault-targets.js';

export interface InstallOptions {
  /** Prefixes everything, so that installations on the same servers do not meet. */
  name: string;
  vault: { address: string; adminToken: string };
  postgres: {
    adminUrl: string;
    /** By which the processes reach the targets. Default: the host of `adminUrl`, by which Vault does. */
    targetHost?: string | undefined;
  };
  /** Databases. Default: `orders`, production, with 2,000 orders. */
  targets?: readonly TargetSpec[];
  /** Targets of other kinds. Default: none. */
  further?: readonly FurtherTarget[];
  /** The longest that any lease may last. Default 3,600. */
  maxLeaseTtlSeconds?: number;
  /** Seals the keyring. Default: one that is made for it and then dropped, so that no key can ever be rotated: for tests. */
  root?: RootKey;
}

/** All that the processes are configured with. Secrets are wrapped; the administrators' credentials are not in it. */
export interface Installation {
  name: string;
  vault: {
    address: string;
    mounts: { database: string; transit: string; approle: string; policy: string };
    tokenRoles: string[];
  };
  /** The record's connection URL of each process. */
  recordUrls: Readonly<Record<ProcessName, Secret>>;
  /** The offline root's public key: what verifiers are given. */
  root: PublicKey;
  /** All process keys, sealed by the root. */
  keyring: Envelope;
  targets: PostgresTarget[];
  /** Those of other kinds. */
  furtherTargets: Target[];
  /** A login for one start of a process; its secret id is wrapped, lasts five minutes and works once. */
  issueLogin(process: ProcessName): Promise<ProcessLogin>;
  /** Removes all of it from Vault and PostgreSQL. */
  uninstall(): Promise<void>;
}

const DEFAULT_TARGETS: readonly TargetSpec[] = [{ name: 'orders', environment: 'production', orders: 2_000 }];

/** Sets up Vault and PostgreSQL as production would be, with an administrator's rights; removes it again when a step fails. */
export async function install(options: InstallOptions): Promise<Installation> {
  const names = namesOf(options.name);
  const admin = adminClient(options);
  const further: InstalledTarget[] = [];
  const takeBack = (): Promise<void> => uninstall(options, names, admin, further);
  try {
    return { ...(await installAll(options, names, admin, further)), uninstall: takeBack };
  } catch (error) {
    await takeBack().catch(() => undefined);
    throw error;
  }
}

async function installAll(
  options: InstallOptions,
  names: Names,
  admin: VaultClient,
  further: InstalledTarget[],
): Promise<Omit<Installation, 'uninstall'>> {
  const { postgres, vault, targets: specs = DEFAULT_TARGETS, maxLeaseTtlSeconds = 3_600 } = options;
  const [recordUrls, keyring, , targets] = await Promise.all([
    installRecord(postgres.adminUrl, names),
    installKeys(admin, names, options.root ?? generateRootKey()),
    installPolicyStore(admin, names.policyMount),
    installTargets({ postgres, names, admin, specs, maxTtlSeconds: maxLeaseTtlSeconds }),
  ]);
  await installLogins(admin, { names, targets: specs.map((spec) => names.target(spec.name)) });
  const scope = { admin, adminUrl: postgres.adminUrl, names, maxTtlSeconds: maxLeaseTtlSeconds };
  // One after the other: each adds to what the processes may do.
  for (const installTarget of options.further ?? []) further.push(await installTarget(scope));
  const furtherTargets = further.map(({ target }) => target);
  return {
    name: names.installation,
    vault: {
      address: vault.address,
      mounts: {
        database: names.databaseMount,
        transit: names.transitMount,
        approle: names.approleMount,
        policy: names.policyMount,
      },
      tokenRoles: [...targets, ...furtherTargets].flatMap((target) => kindOf(target).tokenRoles(target)),
    },
    recordUrls,
    ...keyring,
    targets,
    furtherTargets,
    issueLogin: (process) => issueLogin(admin, names, process),
  };
}

/** Makes the transit keys, the content store's among them, and has the root key seal the keyring. */
async function installKeys(
  admin: VaultClient,
  { transitMount }: Names,
  root: RootKey,
): Promise<{ root: PublicKey; keyring: Envelope }> {
  await admin.write(`sys/mounts/${transitMount}`, { type: 'transit' });
  for (const purpose of KEY_PURPOSES) await admin.write(`${transitMount}/keys/${purpose}`, { type: 'ed25519' });
  for (const name of [CONTENT_KEY, PAYLOAD_KEY])
    await admin.write(`${transitMount}/keys/${name}`, { type: 'aes256-gcm96' });
  const keys = await readTransitKeys(admin, transitMount);
  return { root: root.publicKey, keyring: await sealKeyring({ number: 1, keys }, root.signer) };
}

interface TargetsToInstall {
  postgres: InstallOptions['postgres'];
  names: Names;
  admin: VaultClient;
  specs: readonly TargetSpec[];
  maxTtlSeconds: number;
}

async function installTargets({
  postgres: { adminUrl, targetHost },
  names,
  admin,
  specs,
  maxTtlSeconds,
}: TargetsToInstall): Promise<PostgresTarget[]> {
  await admin.write(`sys/mounts/${names.databaseMount}`, { type: 'database' });
  const { hostname: host, port } = new URL(adminUrl);
  const targets: PostgresTarget[] = [];
  for (const spec of specs) {
    const vaultPassword = await installOrders(adminUrl, names, spec);
    targets.push(
      await installVaultTarget(
        { admin, names, postgres: { host, port: Number(port), targetHost: targetHost ?? host }, maxTtlSeconds },
        spec,
        vaultPassword,
      ),
    );
  }
  return targets;
}

async function uninstall(
  { postgres, targets = DEFAULT_TARGETS }: InstallOptions,
  names: Names,
  admin: VaultClient,
  further: readonly InstalledTarget[],
): Promise<void> {
  const perTarget = targets.map((target) => names.target(target.name));
  for (const installed of further) await installed.uninstall();
  // First what could still make tokens and users, last what they lived in.
  await admin.delete(`sys/auth/${names.approleMount}`);
  for (const target of perTarget) {
    const { previewTokenRole, executeTokenRole, grantPreviewTokenRole, grantExecuteTokenRole } = target;
    for (const tokenRole of [previewTokenRole, executeTokenRole, grantPreviewTokenRole, grantExecuteTokenRole]) {
      await admin.delete(`auth/token/roles/${tokenRole}`);
      await admin.delete(`sys/policies/acl/${tokenRole}`);
    }
  }
  await admin
    .write(`sys/leases/revoke-prefix/${names.databaseMount}`, { sync: true })
    .catch(() => admin.write(`sys/leases/revoke-force/${names.databaseMount}`, {}));
  for (const mount of [names.databaseMount, names.transitMount, names.policyMount])
    await admin.delete(`sys/mounts/${mount}`);
  for (const process of Object.keys(PROCESS_POLICIES)) await admin.delete(`sys/policies/acl/${names.process(process)}`);
  await dropDatabasesAndRoles(
    postgres.adminUrl,
    [names.recordDatabase, ...perTarget.map((target) => target.database)],
    `${names.installation}_`,
  );
}

function adminClient({ vault }: InstallOptions): VaultClient {
  const token = new Secret(vault.adminToken);
  return createVaultClient({ address: vault.address, credential: () => token, timeoutMs: 30_000 });
}
