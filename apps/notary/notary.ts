import { Client, Connection } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { concludeAction, createConcludeActivities, type ConcludeDependencies } from '../../activities/conclude.js';
import type { NotaryConfig } from '../../src/config/notary.js';
import { TASK_QUEUES } from '../../src/contracts/activities.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { allDone } from '../../src/core/all-done.js';
import { createLedger } from '../../src/ledger/postgres-ledger.js';
import { openHost } from '../../src/operations/host.js';
import type { Channel } from '../../src/channels/channel.js';
import { createAlarmPass } from '../../src/channels/alarm-pass.js';
import { createFreezePass } from '../../src/channels/freeze-pass.js';
import { createDeliveryLog } from '../../src/channels/webhook/delivery-log.js';
import { createArchivist } from '../../src/evidence/archive.js';
import { createArchivedContents } from '../../src/evidence/archived-contents.js';
import { createContentRetention } from '../../src/record/content-retention.js';
import type { Policy } from '../../src/policy/policy.js';
import { createWitness, kindOf, witnessOf } from '../../src/targets/targets.js';
import { createSweeper } from '../../src/vault/sweep.js';
import { createLeases } from '../../src/vault/vault-leases.js';
import { openChannels } from '../channels.js';
import { loopEvery } from '../loop.js';
import { runWorker, type RunningWorker } from '../running-worker.js';
import { connectToTemporal, createRuntime, type Runtime } from '../runtime.js';
import { openSiem } from '../siem.js';
import { openWebhooks } from '../webhooks.js';
import { startLedger } from './ledger.js';
import { createArchivePass } from './archive.js';
import { createDebtPass } from './debts.js';
import { createInterruptedPass, isLiveRun } from './interrupted.js';
import { scheduleSweep } from './sweep-schedule.js';

const DAY_MS = 86_400_000;
// A pass removes 500 things at most.
const REMOVE_EVERY_MS = 600_000;

const CATCH_UP_EVERY_MS = 60_000;

// How soon people are told of an alarm, a freeze, or a broken glass.
const ALARMS_EVERY_MS = 10_000;

/** Starts the notary: receipts, proofs of revocation, and the sweeper. */
export async function startNotary(config: NotaryConfig): Promise<RunningWorker> {
  // First, because the login to Vault works once: who can't work must not use it up.
  const connection = await connectToTemporal(config);
  const runtime = await createRuntime(config, 'notary');
  const { record, claims, payloads, vault, policy, clock, onInternal } = runtime;
  const webhooks = openWebhooks(config, runtime);
  const channels = [...(await openChannels(config, runtime)), ...webhooks.channels];
  const targets = createWitness({ vault, clock, host: await openHost(config) });
  const witness = witnessOf(targets, (name) => policy().target(name));
  const leases = createLeases({ client: vault, record, claims, witness, clock });
  const clientConnection = await Connection.connect({ address: config.COUNTERSIGN_TEMPORAL_ADDRESS });
  const { dataConverter } = payloads;
  const namespace = config.COUNTERSIGN_TEMPORAL_NAMESPACE;
  const client = new Client({ connection: clientConnection, namespace, dataConverter });
  const concluding = { record, policy, claims, leases, channels, clock, onInternal };
  const sweep = createSweep(runtime, client, concluding);
  const worker = await Worker.create({
    connection,
    namespace,
    dataConverter,
    taskQueue: TASK_QUEUES.notary,
    activities: createConcludeActivities({ ...concluding, sweep }),
    shutdownGraceTime: '10 seconds',
  });
  await scheduleSweep(client, config.COUNTERSIGN_SWEEP_SECONDS);
  const loop = loopEvery(config.COUNTERSIGN_SWEEP_SECONDS * 1000, sweep, onInternal);
  const retentionMs = config.COUNTERSIGN_CONTENT_RETENTION_DAYS * DAY_MS;
  const removeOld = createContentRetention({ pool: runtime.pool, record, retentionMs, clock });
  const removing = loopEvery(REMOVE_EVERY_MS, removeOld, onInternal);
  const deliveries = createDeliveryLog(runtime.pool);
  const webhookRetentionMs = config.COUNTERSIGN_WEBHOOK_RETENTION_DAYS * DAY_MS;
  const forgetting = loopEvery(REMOVE_EVERY_MS, () => deliveries.removeOlderThan(webhookRetentionMs), onInternal);
  const catchingUp = loopEvery(
    CATCH_UP_EVERY_MS,
    () => allDone(channels.map(async (channel) => channel.catchUp?.())),
    onInternal,
  );
  const siem = openSiem(config, runtime, createLedger(runtime.pool));
  const ledger = startLedger(config, runtime);
  const telling = startTelling(channels, runtime);
  const debts = loopEvery(ALARMS_EVERY_MS, createDebtPass({ record, channels, client, clock }), onInternal);
  const archiving = loopEvery(config.COUNTERSIGN_SWEEP_SECONDS * 1000, createArchiving(runtime, client), onInternal);
  return runWorker({ process: 'notary', config, runtime, connection, worker }, async () => {
    await ledger.stop();
    await telling.stop();
    await debts.stop();
    await loop.stop();
    await archiving.stop();
    await catchingUp.stop();
    await removing.stop();
    await forgetting.stop();
    await webhooks.stop();
    await siem.stop();
    await targets.close();
    await clientConnection.close();
  });
}

/** Tells channels of alarms and freezes. What is unreadable of the ones holds up the others not. */
function startTelling(
  channels: readonly Channel[],
  { record, policy, clock, onInternal }: Runtime,
): { stop(): Promise<void> } {
  const people = (): Policy['directory'] => policy().directory;
  const loops = [
    createAlarmPass({ record, channels, clock }),
    createFreezePass({ record, channels, people, clock }),
  ].map((pass) => loopEvery(ALARMS_EVERY_MS, pass, onInternal));
  return {
    async stop() {
      await Promise.all(loops.map((loop) => loop.stop()));
    },
  };
}

/** One pass: what has ended is archived, and its digests are stated. */
function createArchiving(runtime: Runtime, client: Client): () => Promise<number> {
  const { contents, onInternal, payloads, pool } = runtime;
  const archived = createArchivedContents(pool);
  const archivist = createArchivist({ ...runtime, contents, archived });
  return createArchivePass({ client, codec: payloads.codec, archived, archivist, onInternal });
}

type Concluding = Omit<ConcludeDependencies, 'sweep'>;

/** One pass: leases that no live run holds, tokens that no row names, actions whose workflow was ended from outside. */
function createSweep(
  { vault, claims, policy, record, clock }: Runtime,
  client: Client,
  concluding: Concluding,
): ConcludeDependencies['sweep'] {
  const tokenRoles = new Set(
    policy()
      .targets()
      .flatMap((target) => kindOf(target).tokenRoles(target)),
  );
  const sweepLeases = createSweeper({
    client: vault,
    claims,
    leases: concluding.leases,
    isLive: (actionId, runId) => isLiveRun(client, workflowIdOf(actionId), runId),
    tokenRoles,
    clock,
    onFailure: concluding.onInternal,
  });
  const closeInterrupted = createInterruptedPass({
    client,
    record,
    conclude: (input) => concludeAction(concluding, input),
    onInternal: concluding.onInternal,
  });
  return async () => {
    const swept = await sweepLeases();
    await closeInterrupted();
    return swept;
  };
}
