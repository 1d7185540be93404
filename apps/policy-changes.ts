import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { CommonConfig } from '../src/config/common.js';
import { Refusal, ServiceFault } from '../src/core/errors.js';
import type { ProcessName } from '../src/core/schemas/statements.js';
import type { AgentSigners } from '../src/directory/agent-signers.js';
import { operations } from '../src/operations/catalog.gen.js';
import type { PolicyInForce } from '../src/operations/operation.js';
import { readBundleFiles } from '../src/policy/bundle-files.js';
import { createAssessing } from '../src/policy/governed/assessing.js';
import { previousIn, type LoadedBundle } from '../src/policy/governed/bundle-document.js';
import { createGovernedPolicy } from '../src/policy/governed/governed-policy.js';
import { createKeptBundles } from '../src/policy/governed/kept-bundles.js';
import type { Policy } from '../src/policy/policy.js';
import type { PostgresRecord } from '../src/record/postgres-record.js';
import type { VaultClient } from '../src/vault/client.js';
import { loopEvery } from './loop.js';

interface Parts {
  process: ProcessName;
  /** The pinned bundle's. */
  policy: Policy;
  vault: VaultClient;
  pool: Pool;
  record: PostgresRecord;
  clock: () => number;
  logger: Logger;
  /** Called once, before anything is read: the record is read by the signers of that moment. */
  use(policyNow: () => Policy, signersNow: Required<AgentSigners>): void;
}

// The same from src (tests) and from dist: a thread runs what the build made.
const built = new URL('../', import.meta.url).href.replace(/(?<!\/dist)\/$/, '/dist/');
const ASSESSING_THREAD = new URL('src/policy/governed/assessing-thread.js', built);

/** Follows approved changes of policy for as long as the process runs; null where configuration names no store for them. */
export async function followPolicyChanges(
  config: CommonConfig,
  parts: Parts,
): Promise<{ governed: PolicyInForce; stop(): Promise<void> } | null> {
  const mount = config.COUNTERSIGN_POLICY_MOUNT;
  const { process, vault, pool, record, clock, logger } = parts;
  if (mount === undefined) {
    await requireNeverGoverned(parts);
    return null;
  }
  const assess = createAssessing({ thread: ASSESSING_THREAD });
  const governed = createGovernedPolicy({
    ...{ process, assess, genesis: await pinned(config, parts.policy), vault, mount, record, operations, clock },
    readAdoptions: () => record.adoptionsOf(process),
    kept: createKeptBundles(pool),
    log: logger,
  });
  parts.use(() => governed.inForce().policy, governed.agentSigners);
  await governed.start();
  const loop = loopEvery(
    config.COUNTERSIGN_POLICY_POLL_SECONDS * 1_000,
    () => governed.check(),
    (error) => {
      logger.error({ err: error }, 'Changes of policy could not be looked for; what is in force stays.');
    },
  );
  return { governed: { mount, assess, inForce: () => governed.inForce() }, stop: () => loop.stop() };
}

/** Without the store a process would quietly go back to the pinned bundle. */
async function requireNeverGoverned({ process, policy, record }: Parts): Promise<void> {
  // Where the record is away nothing is done by any policy; where it is forged, nothing may be.
  const adoptions = await record.adoptionsOf(process).catch((error: unknown) => {
    if (error instanceof ServiceFault) return [];
    throw error;
  });
  const highest = Math.max(0, ...adoptions.map(({ body }) => body.number));
  if (policy.bundle.number >= highest) return;
  throw new Error(
    `The ${process} has judged by policy bundle ${String(highest)}, and without COUNTERSIGN_POLICY_MOUNT only bundle ` +
      `${String(policy.bundle.number)}, which configuration pins, would be in force: set it. See docs/policy-changes.md.`,
  );
}

async function pinned(config: CommonConfig, policy: Policy): Promise<LoadedBundle> {
  const dir = config.COUNTERSIGN_POLICY_DIR;
  const { digest, files } = await readBundleFiles(dir);
  if (digest !== policy.bundle.digest)
    throw new Refusal('bundle_digest_mismatch', `The policy bundle ${dir} changed while it was read.`, dir);
  return { policy, files, previous: previousIn(files) };
}
