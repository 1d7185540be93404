import { Worker } from '@temporalio/worker';
import { createAnnounceActivities } from '../../activities/announce.js';
import { createPrepareActivities } from '../../activities/prepare.js';
import { createRefusals } from '../../src/channels/refusals.js';
import type { WorkerConfig } from '../../src/config/worker.js';
import { TASK_QUEUES } from '../../src/contracts/activities.js';
import { operations } from '../../src/operations/catalog.gen.js';
import { createLeases } from '../../src/vault/vault-leases.js';
import { openChannels } from '../channels.js';
import { runWorker, type RunningWorker } from '../running-worker.js';
import { connectToTemporal, createRuntime } from '../runtime.js';

/** Starts the worker: workflows, `prepare` and `announce`. */
export async function startWorker(config: WorkerConfig): Promise<RunningWorker> {
  // First, because the login to Vault works once: who can't work must not use it up.
  const connection = await connectToTemporal(config);
  const runtime = await createRuntime(config, 'worker');
  const { record, claims, vault, policy, keyring, clock, logger, onInternal } = runtime;
  const refusals = createRefusals({ record, clock, log: logger });
  const leases = createLeases({ client: vault, record, claims, witness: null, clock });
  const channels = openChannels(config, runtime);
  const worker = await Worker.create({
    connection,
    namespace: config.COUNTERSIGN_TEMPORAL_NAMESPACE,
    taskQueue: TASK_QUEUES.worker,
    workflowBundle: { codePath: config.COUNTERSIGN_WORKFLOW_BUNDLE },
    activities: {
      ...createPrepareActivities({ policy, keyring, operations, record, leases, refusals, clock, onInternal }),
      ...createAnnounceActivities({ record, channels, keyring, clock, onInternal }),
    },
    // A worker that died is still asked first: a decision must be answered by another before its sender gives up.
    stickyQueueScheduleToStartTimeout: '3 seconds',
    maxCachedWorkflows: config.COUNTERSIGN_MAX_CACHED_WORKFLOWS,
    shutdownGraceTime: '10 seconds',
  });
  return runWorker(worker, runtime.lost, async () => {
    await connection.close();
    await runtime.close();
  });
}
