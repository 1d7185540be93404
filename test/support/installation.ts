import { randomInt } from 'node:crypto';
import type pg from 'pg';
import { inject } from 'vitest';
import { install, type Installation, type InstallOptions } from '../../apps/devstack/installation/install.js';
import { openPayloads, type Payloads } from '../../apps/payloads.js';
import { asAdmin } from '../../apps/devstack/installation/postgres-admin.js';
import type { PublicKey } from '../../src/core/dsse.js';
import { openKeyring, type Keyring, type KeyPurpose } from '../../src/core/keyring.js';
import type { ProcessName } from '../../src/core/schemas/statements.js';
import { Secret } from '../../src/core/secret.js';
import type { Claims } from '../../src/record/claims.js';
import type { Contents } from '../../src/record/contents.js';
import { createClaims } from '../../src/record/postgres-claims.js';
import { createContents } from '../../src/record/postgres-contents.js';
import { createRecord, type PostgresRecord } from '../../src/record/postgres-record.js';
import { createRecordPool } from '../../src/record/postgres/pool.js';
import { createVaultClient, type VaultClient } from '../../src/vault/client.js';
import { createDataKeys } from '../../src/vault/data-keys.js';
import { logInToVault, type VaultSession } from '../../src/vault/login.js';
import { createTransitSigner } from '../../src/vault/transit-signer.js';
import { makeKey, type TestKey } from './signing.js';

/** An installation of a test file's own on the servers of this run. */
export interface TestInstallation extends Installation {
  /** Vault with the administrator's token: for looking, and for breaking things. */
  vaultAdmin: VaultClient;
  keys: Keyring;
  /** The key of the only agent there is, `export-bot`. */
  agent: TestKey;
  /** Reads and writes Temporal's payloads as our processes do, with keys of its own. */
  openPayloads(): Promise<Payloads>;
  /** Everything a process is made of, logged in as that process. Closed by `close`. */
  become(process: ProcessName): Promise<TestProcess>;
  /** Runs as PostgreSQL's superuser in the record's database. */
  inRecord<T>(work: (client: pg.Client) => Promise<T>): Promise<T>;
  /** Runs as PostgreSQL's superuser in the first target's database. */
  inTarget<T>(work: (client: pg.Client) => Promise<T>): Promise<T>;
  /** Ends all processes and removes the installation. */
  close(): Promise<void>;
}

export interface TestProcess {
  vault: VaultSession;
  pool: pg.Pool;
  record: PostgresRecord;
  claims: Claims;
  contents: Contents;
}

const PURPOSES: Readonly<Record<ProcessName, readonly KeyPurpose[]>> = {
  gateway: ['decision', 'intake'],
  worker: ['worker'],
  executor: ['executor'],
  notary: ['receipt', 'checkpoint'],
};

/** Each of the four processes, logged in. */
export async function becomeAll({
  become,
}: Pick<TestInstallation, 'become'>): Promise<Record<ProcessName, TestProcess>> {
  const [gateway, worker, executor, notary] = await Promise.all([
    become('gateway'),
    become('worker'),
    become('executor'),
    become('notary'),
  ]);
  return { gateway, worker, executor, notary };
}

/** Installs under a random name, with a small target. */
export async function installForTest(options: Partial<InstallOptions> = {}): Promise<TestInstallation> {
  const { vault, postgres } = inject('services');
  const installation = await install({
    name: `t${randomInt(36 ** 8).toString(36)}`,
    vault,
    postgres,
    targets: [{ name: 'orders', environment: 'production', orders: 200 }],
    ...options,
  });
  const keys = openKeyring(installation.keyring, installation.root);
  const agent = makeKey('agent/export-bot');
  const closing: (() => Promise<void>)[] = [];
  const adminToken = new Secret(vault.adminToken);
  const vaultAdmin = createVaultClient({ address: vault.address, credential: () => adminToken });
  const { transit: transitMount } = installation.vault.mounts;
  return {
    ...installation,
    vaultAdmin,
    openPayloads: () => openPayloads({ vault: vaultAdmin, transitMount, encrypts: true, keyHours: 8, clock: Date.now }),
    keys,
    agent,
    async become(process) {
      const made = await becomeProcess(installation, process, keys, agent.publicKey);
      closing.push(async () => {
        await made.vault.close();
        if (!made.pool.ended) await made.pool.end();
      });
      return made;
    },
    inRecord: (work) => asAdmin(postgres.adminUrl, `${installation.name}_record`, work),
    inTarget: (work) => asAdmin(postgres.adminUrl, installation.targets[0]?.database ?? '', work),
    async close() {
      await Promise.all(closing.map((close) => close()));
      await installation.uninstall();
    },
  };
}

async function becomeProcess(
  installation: Installation,
  process: ProcessName,
  keys: Keyring,
  agentKey: PublicKey,
): Promise<TestProcess> {
  const { address, mounts } = installation.vault;
  const vault = await logInToVault({ address, ...(await installation.issueLogin(process)) });
  const pool = createRecordPool({ url: installation.recordUrls[process] });
  const signers = await Promise.all(
    PURPOSES[process].map(
      async (purpose) =>
        [purpose, await createTransitSigner({ client: vault, mount: mounts.transit, purpose })] as const,
    ),
  );
  const record = createRecord({
    pool,
    process,
    signers: Object.fromEntries(signers),
    keyring: () => keys,
    agentKeys: (agent) => (`agent/${agent}` === agentKey.keyid ? [agentKey] : []),
  });
  const contents = createContents({ pool, keys: createDataKeys({ client: vault, mount: mounts.transit }) });
  return { vault, pool, record, claims: createClaims(pool), contents };
}
