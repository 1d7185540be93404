import { NativeConnection } from '@temporalio/worker';
import type { Pool } from 'pg';
import { pino, type Logger } from 'pino';
import type { CommonConfig } from '../src/config/common.js';
import type { Envelope, Signer } from '../src/core/dsse.js';
import { ServiceFault } from '../src/core/errors.js';
import type { KeyPurpose, Keyring } from '../src/core/keyring.js';
import type { ProcessName } from '../src/core/schemas/statements.js';
import { Secret } from '../src/core/secret.js';
import { rememberSigners, type AgentSigners } from '../src/directory/agent-signers.js';
import { cedarTrapped } from '../src/policy/cedar.js';
import { loadBundle } from '../src/policy/load-bundle.js';
import type { PolicyInForce } from '../src/operations/operation.js';
import type { Policy } from '../src/policy/policy.js';
import type { Claims } from '../src/record/claims.js';
import type { Contents } from '../src/record/contents.js';
import { createClaims } from '../src/record/postgres-claims.js';
import { createContents } from '../src/record/postgres-contents.js';
import { createRecord, type PostgresRecord } from '../src/record/postgres-record.js';
import { createRecordPool } from '../src/record/postgres/pool.js';
import { createDataKeys } from '../src/vault/data-keys.js';
import { logInToVault, type VaultSession } from '../src/vault/login.js';
import { createTransitSigners } from '../src/vault/transit-signer.js';
import type { PolicyFiles } from '../src/evidence/format.js';
import { policyFilesOf } from '../src/evidence/policy-files.js';
import { readBundleFiles, type BundleFiles } from '../src/policy/bundle-files.js';
import { openKeyringFile } from './keyring-file.js';
import { followPolicyChanges } from './policy-changes.js';
import { openConfiguredPayloads, type Payloads } from './payloads.js';

/** What all four processes are made of. */
export interface Runtime {
  policy: () => Policy;
  /** Who signed for agents, by every bundle that was in force: for reading the record. */
  agentSigners: AgentSigners;
  /** What changes of policy start from; null where configuration pins the bundle and nothing changes it. */
  governed: PolicyInForce | null;
  keyring: () => Keyring;
  /** The same as the root sealed it, for whoever verifies. */
  sealedKeyring: () => Envelope;
  /** Of the policy in force. */
  policyFiles: () => Promise<PolicyFiles>;
  /** The keys that this process may sign with. */
  signers: Partial<Record<KeyPurpose, Signer>>;
  /** Of this process's own role. */
  pool: Pool;
  record: PostgresRecord;
  claims: Claims;
  contents: Contents;
  /** What goes to Temporal and comes from it. */
  payloads: Payloads;
  vault: VaultSession;
  logger: Logger;
  clock: () => number;
  /** Told of errors that are not ours to explain; never shown to a user. */
  onInternal: (error: unknown) => void;
  /**
   * Resolves when the Vault token is gone for good, or Cedar has broken down: this process can do nothing more and must not
   * take work from others.
   */
  lost: Promise<Error>;
  close(): Promise<void>;
}

/** The keys each process may sign with; Vault's policies say the same. */
const PURPOSES: { [P in ProcessName]: readonly KeyPurpose[] } = {
  gateway: ['decision', 'intake'],
  worker: ['worker'],
  executor: ['executor'],
  notary: ['receipt', 'checkpoint'],
};

/**
 * Logs in to Vault, loads the pinned bundle and the root-signed keyring, opens the record.
 * @throws when any of these does not hold: a process that can't verify does not start.
 */
export async function createRuntime(config: CommonConfig, process: ProcessName): Promise<Runtime> {
  const logger = pino({ name: process, level: config.COUNTERSIGN_LOG_LEVEL, serializers: { err: describeError } });
  const policy = await loadBundle(config.COUNTERSIGN_POLICY_DIR, { pinnedDigest: config.COUNTERSIGN_POLICY_DIGEST });
  const keyringFile = await openKeyringFile(config);
  const { keyring } = keyringFile;
  const { vault, lost: tokenLost } = await logIn(config);
  const lost = Promise.race([tokenLost, cedarTrapped()]);
  // At once: what runs is let end before the process does.
  void lost.then((error) => {
    logger.fatal(error.message);
  });
  const signers = createTransitSigners({
    client: vault,
    mount: config.COUNTERSIGN_VAULT_TRANSIT_MOUNT,
    purposes: PURPOSES[process],
    keyring,
    clock: Date.now,
  });
  const payloads = await openConfiguredPayloads(config, vault);
  const pool = createRecordPool({ url: new Secret(config.COUNTERSIGN_RECORD_URL) });
  let policyNow = (): Policy => policy;
  let signersNow: Required<AgentSigners> = rememberSigners(policy.directory.agents());
  const agentSigners: AgentSigners = {
    agentKeys: (agent) => signersNow.agentKeys(agent),
    signsByIntake: (agent) => signersNow.signsByIntake(agent),
  };
  const record = createRecord({ pool, process, signers, keyring, ...agentSigners });
  const following = await followPolicyChanges(config, {
    ...{ process, policy, vault, pool, record, clock: Date.now, logger },
    use: (policyThen, signersThen) => {
      policyNow = policyThen;
      signersNow = signersThen;
    },
  }).catch(async (error: unknown) => {
    await Promise.all([record.close(), vault.close()]);
    throw error;
  });
  const followingKeys = keyringFile.follow(logger);
  return {
    policy: () => policyNow(),
    agentSigners,
    governed: following?.governed ?? null,
    keyring,
    sealedKeyring: keyringFile.sealed,
    policyFiles: async () => policyFilesOf(await filesInForce(config, following?.governed)),
    signers,
    pool,
    record,
    claims: createClaims(pool),
    contents: createContents({
      pool,
      keys: createDataKeys({ client: vault, mount: config.COUNTERSIGN_VAULT_TRANSIT_MOUNT }),
    }),
    payloads,
    vault,
    logger,
    clock: Date.now,
    lost,
    onInternal: (error) => {
      logger.error({ err: error }, 'Internal error');
    },
    async close() {
      await followingKeys.stop();
      await following?.stop();
      await record.close();
      await vault.close();
      payloads.close();
    },
  };
}

async function logIn(config: CommonConfig): Promise<Pick<Runtime, 'vault' | 'lost'>> {
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
  return { vault, lost };
}

/** The files of the policy in force: where it is governed, those that were adopted; else those that configuration pins. */
async function filesInForce(
  config: CommonConfig,
  governed: PolicyInForce | undefined,
): Promise<Pick<BundleFiles, 'digest' | 'files'>> {
  if (governed === undefined) return readBundleFiles(config.COUNTERSIGN_POLICY_DIR);
  const { policy, files } = governed.inForce();
  return { digest: policy.bundle.digest, files };
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
