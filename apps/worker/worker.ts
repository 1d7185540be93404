import { Worker } from '@temporalio/worker';
import { createAnnounceActivities } from '../../activities/announce.js';
import { createPrepareActivities } from '../../activities/prepare.js';
import { createRefusals } from '../../src/channels/refusals.js';
import type { WorkerConfig } from '../../src/config/worker.js';
import { TASK_QUEUES } from '../../src/contracts/activities.js';
import { openHost } from '../../src/operations/host.js';
import { operations } from '../../src/operations/catalog.gen.js';
import { createContents } from '../../src/record/postgres-contents.js';
import { createDataKeys } from '../../src/vault/data-keys.js';
import { createLeases } from '../../src/vault/vault-leases.js';
import { openChannels } from '../channels.js';
import { runWorker, type RunningWorker } from '../running-worker.js';
import { connectToTemporal, createRuntime } from '../runtime.js';
import { openWebhooks } from '../webhooks.js';
import { withReplay } from './replay.js';

/** Starts the worker: workflows, `prepare` and `announce`. */
export async function startWorker(config: WorkerConfig): Promise<RunningWorker> {
  // First, because the login to Vault works once: who can't work must not use it up.
  const connection = await connectToTemporal(config);
  const runtime = await createRuntime(config, 'worker');
  const { pool, record, claims, payloads, vault, policy, keyring, clock, logger, onInternal } = runtime;
  const refusals = createRefusals({ record, clock, log: logger });
  const keys = createDataKeys({ client: vault, mount: config.COUNTERSIGN_VAULT_TRANSIT_MOUNT });
  const leases = createLeases({ client: vault, record, claims, witness: null, clock });
  const webhooks = openWebhooks(config, runtime);
  const channels = [...(await openChannels(config, runtime)), ...webhooks.channels];
  const host = { ...(await openHost(config)), ...withReplay(runtime) };
  const worker = await Worker.create({
    connection,
    namespace: config.COUNTERSIGN_TEMPORAL_NAMESPACE,
    taskQueue: TASK_QUEUES.worker,
    dataConverter: payloads.dataConverter,
    workflowBundle: { codePath: config.COUNTERSIGN_WORKFLOW_BUNDLE },
    activities: {
      ...createPrepareActivities({
        policy,
        keyring,
        operations,
        host,
        contents: createContents({ pool, keys, getsForRequests: true }),
        record,
        leases,
        announces: channels.length > 0,
        refusals,
        clock,
        onInternal,
      }),
      ...createAnnounceActivities({ record, channels, keyring, clock, onInternal }),
    },
    // A worker that died is still asked first: a decision must be answered by another before its sender gives up.
    stickyQueueScheduleToStartTimeout: '3 seconds',
    maxCachedWorkflows: config.COUNTERSIGN_MAX_CACHED_WORKFLOWS,
    shutdownGraceTime: '10 seconds',
  });
  return runWorker({ process: 'worker', config, runtime, connection, worker }, async () => {
    await webhooks.stop();
  });
}
