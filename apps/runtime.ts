import { readFile } from 'node:fs/promises';
import { NativeConnection } from '@temporalio/worker';
import type { Pool } from 'pg';
import { pino, type Logger } from 'pino';
import type { CommonConfig } from '../src/config/common.js';
import type { Signer } from '../src/core/dsse.js';
import { ServiceFault } from '../src/core/errors.js';
import { createKeyringReader, type KeyPurpose, type Keyring } from '../src/core/keyring.js';
import type { ProcessName } from '../src/core/schemas/statements.js';
import { Secret } from '../src/core/secret.js';
import { loadBundle } from '../src/policy/load-bundle.js';
import type { Policy } from '../src/policy/policy.js';
import type { Claims } from '../src/record/claims.js';
import type { Contents } from '../src/record/contents.js';
import { createClaims } from '../src/record/postgres-claims.js';
import { createContents } from '../src/record/postgres-contents.js';
import { createRecord, type PostgresRecord } from '../src/record/postgres-record.js';
import { createRecordPool } from '../src/record/postgres/pool.js';
import { createDataKeys } from '../src/vault/data-keys.js';
import { logInToVault, type VaultSession } from '../src/vault/login.js';
import { createTransitSigner } from '../src/vault/transit-signer.js';

/** What all four processes are made of. */
export interface Runtime {
  policy: () => Policy;
  keyring: () => Keyring;
  /** The keys that this process may sign with. */
  signers: Partial<Record<KeyPurpose, Signer>>;
  /** Of this process's own role. */
  pool: Pool;
  record: PostgresRecord;
  claims: Claims;
  contents: Contents;
  vault: VaultSession;
  logger: Logger;
  clock: () => number;
  /** Told of errors that are not ours to explain; never shown to a user. */
  onInternal: (error: unknown) => void;
  /** Resolves when the Vault token is gone for good: this process can do nothing more and must not take work from others. */
  lost: Promise<Error>;
  close(): Promise<void>;
}

/** The keys each process may sign with; Vault's policies say the same. */
const PURPOSES: { [P in ProcessName]: readonly KeyPurpose[] } = {
  gateway: ['decision', 'intake'],
  worker: ['worker'],
  executor: ['executor'],
  notary: ['receipt'],
};

/**
 * Logs in to Vault, loads the pinned bundle and the root-signed keyring, opens the record.
 * @throws when any of these does not hold: a process that can't verify does not start.
 */
export async function createRuntime(config: CommonConfig, process: ProcessName): Promise<Runtime> {
  const logger = pino({ name: process, level: config.COUNTERSIGN_LOG_LEVEL, serializers: { err: describeError } });
  const policy = await loadBundle(config.COUNTERSIGN_POLICY_DIR, { pinnedDigest: config.COUNTERSIGN_POLICY_DIGEST });
  const readKeyring = createKeyringReader({ keyid: 'root', publicKey: config.COUNTERSIGN_ROOT_KEY });
  const keyring = readKeyring(JSON.parse(await readFile(config.COUNTERSIGN_KEYRING_FILE, 'utf8')));
  let reportLoss: (error: Error) => void = () => undefined;
  const lost = new Promise<Error>((resolve) => {
    reportLoss = resolve;
  });
  const vault = await logInToVault({
    address: config.COUNTERSIGN_VAULT_ADDRESS,
    role: config.COUNTERSIGN_VAULT_ROLE,
    roleId: config.COUNTERSIGN_VAULT_ROLE_ID,
    wrappedSecretId: new Secret(config.COUNTERSIGN_VAULT_WRAPPED_SECRET_ID),
    mount: config.COUNTERSIGN_VAULT_APPROLE_MOUNT,
    onLost: (fault) => {
      reportLoss(new Error(`The Vault token is lost: ${fault.message} Start this process again with a new secret id.`));
    },
  });
  const signers: Partial<Record<KeyPurpose, Signer>> = {};
  for (const purpose of PURPOSES[process]) {
    signers[purpose] = await createTransitSigner({
      client: vault,
      mount: config.COUNTERSIGN_VAULT_TRANSIT_MOUNT,
      purpose,
    });
  }
  const pool = createRecordPool({ url: new Secret(config.COUNTERSIGN_RECORD_URL) });
  const agentKey = (agent: string) => policy.directory.agentKey(agent);
  const signsByIntake = (agent: string) => policy.directory.signsByIntake(agent);
  const record = createRecord({ pool, process, signers, keyring: () => keyring, agentKey, signsByIntake });
  return {
    policy: () => policy,
    keyring: () => keyring,
    signers,
    pool,
    record,
    claims: createClaims(pool),
    contents: createContents({
      pool,
      keys: createDataKeys({ client: vault, mount: config.COUNTERSIGN_VAULT_TRANSIT_MOUNT }),
    }),
    vault,
    logger,
    clock: Date.now,
    lost,
    onInternal: (error) => {
      logger.error({ err: error }, 'Internal error');
    },
    async close() {
      await record.close();
      await vault.close();
    },
  };
}

/** Only what is meant for people: a driver's error has further fields, with rows and statements in them. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { type: typeof error };
  return {
    type: error.name,
    code: 'code' in error ? error.code : undefined,
    message: error.message,
    // Of the record alone: a target's own words may quote its data.
    because:
      error instanceof ServiceFault && error.service === 'record' && error.cause instanceof Error
        ? error.cause.message
        : undefined,
    stack: error.stack,
  };
}

/** A worker's connection to the Temporal frontend. */
export function connectToTemporal(config: CommonConfig): Promise<NativeConnection> {
  return NativeConnection.connect({ address: config.COUNTERSIGN_TEMPORAL_ADDRESS });
}
