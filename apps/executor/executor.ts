import { mkdir } from 'node:fs/promises';
import { Worker } from '@temporalio/worker';
import { createFreezeWatch } from '../../activities/freeze-watch.js';
import { createExecuteActivities } from '../../activities/run-under-lease.js';
import { createRefusals } from '../../src/channels/refusals.js';
import { assuranceSettings } from '../../src/config/assurance.js';
import type { ExecutorConfig } from '../../src/config/executor.js';
import { TASK_QUEUES } from '../../src/contracts/activities.js';
import { openHost } from '../../src/operations/host.js';
import { operations } from '../../src/operations/catalog.gen.js';
import { sweepArtefacts } from '../../src/operations/artefacts.js';
import { listenForChanges } from '../../src/record/postgres-changes.js';
import { createContents } from '../../src/record/postgres-contents.js';
import { readAhead } from '../../src/record/read-ahead.js';
import { createDataKeys } from '../../src/vault/data-keys.js';
import { createLeases } from '../../src/vault/vault-leases.js';
import { loopEvery } from '../loop.js';
import { runWorker, type RunningWorker } from '../running-worker.js';
import { connectToTemporal, createRuntime } from '../runtime.js';

/** How often outputs past their retention time are removed. */
const OUTPUT_SWEEP_MS = 60_000;

// The gateway reads ahead first: it is asked before the executor is.
const READ_AHEAD_AFTER_MS = 25;

/** Starts an executor: the enforcement point, which alone can lease what actions run under. */
export async function startExecutor(config: ExecutorConfig): Promise<RunningWorker> {
  await mkdir(config.COUNTERSIGN_ARTEFACTS_DIR, { recursive: true, mode: 0o700 });
  // First, because the login to Vault works once: who can't work must not use it up.
  const connection = await connectToTemporal(config);
  const runtime = await createRuntime(config, 'executor');
  const { pool, record, claims, payloads, vault, policy, clock, logger, onInternal } = runtime;
  const keys = createDataKeys({ client: vault, mount: config.COUNTERSIGN_VAULT_TRANSIT_MOUNT });
  const leases = createLeases({ client: vault, record, claims, witness: null, clock });
  const changes = listenForChanges({ pool, channels: ['freeze', 'plan'] });
  const ahead = readAhead({ record, changes, afterMs: READ_AHEAD_AFTER_MS });
  const worker = await Worker.create({
    connection,
    namespace: config.COUNTERSIGN_TEMPORAL_NAMESPACE,
    taskQueue: TASK_QUEUES.executor,
    dataConverter: payloads.dataConverter,
    activities: createExecuteActivities({
      policy,
      operations,
      assurance: assuranceSettings(config),
      host: { ...(await openHost(config)), ...(runtime.governed !== null && { governed: runtime.governed }) },
      contents: createContents({ pool, keys }),
      record,
      claims,
      leases,
      freezes: createFreezeWatch({ record, policy, changes, onInternal }),
      refusals: createRefusals({ record, clock, log: logger }),
      artefactsDir: config.COUNTERSIGN_ARTEFACTS_DIR,
      retentionMs: config.COUNTERSIGN_RETENTION_HOURS * 60 * 60 * 1000,
      clock,
      onInternal,
    }),
    maxConcurrentActivityTaskExecutions: config.COUNTERSIGN_MAX_CONCURRENT_ACTIONS,
    shutdownGraceTime: '10 seconds',
  });
  const sweep = loopEvery(OUTPUT_SWEEP_MS, () => sweepArtefacts(config.COUNTERSIGN_ARTEFACTS_DIR, clock()), onInternal);
  return runWorker({ process: 'executor', config, runtime, connection, worker }, async () => {
    await sweep.stop();
    await ahead.stop();
    await changes.close();
  });
}
