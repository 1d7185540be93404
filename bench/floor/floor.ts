import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import pg from 'pg';
import { ulid } from 'ulid';
import { asAdmin, createDatabase } from '../../apps/devstack/installation/postgres-admin.js';
import { startProcess } from '../../apps/devstack/services/process.js';
import type { ProcessName } from '../../src/core/schemas/statements.js';
import { EXPORT_QUERY, NAMESPACE, type Bed } from '../bed.js';
import { waitUntilHeld } from '../held.js';
import { sizeOfHistory } from '../history-size.js';
import type { Side } from '../sides.js';
import { groupByAction } from '../subject.js';
import type { FloorTarget } from './activities.js';
import type { FloorProcessConfig } from './process.js';
import { createBareRecord, FLOOR_SCHEMA, payloadOf } from './record.js';
import { openBareVault, type BareVaultConfig } from './vault.js';
import type { floorAction, floorDecide } from './workflow.js';

const DATABASE = 'bench_floor';

/** How many activities each process runs at once: the executor's default, and the worker's. */
const PROCESSES = [
  { process: 'worker', purpose: 'worker', taskQueue: 'floor', runsWorkflows: true, maxConcurrentActivities: 100 },
  {
    process: 'executor',
    purpose: 'executor',
    taskQueue: 'floor-execute',
    runsWorkflows: false,
    maxConcurrentActivities: 20,
  },
  {
    process: 'notary',
    purpose: 'receipt',
    taskQueue: 'floor-notary',
    runsWorkflows: false,
    maxConcurrentActivities: 100,
  },
] as const;

/** Starts the floor on the same servers: a database beside the record, three processes. This process plays the gateway. */
export async function startFloor(bed: Bed, defer: (close: () => Promise<unknown>) => void): Promise<Side> {
  const { adminUrl } = bed.services.postgres;
  await createDatabase(adminUrl, DATABASE);
  await asAdmin(adminUrl, DATABASE, (database) => database.query(FLOOR_SCHEMA));
  const recordUrl = new URL(`/${DATABASE}`, adminUrl).href;
  await Promise.all(PROCESSES.map((process) => startFloorProcess(bed, recordUrl, process, defer)));
  const pool = new pg.Pool({ connectionString: recordUrl, max: 8 });
  defer(() => pool.end());
  const record = createBareRecord(pool, await openBareVault(await vaultConfig(bed, 'gateway', 'decision')));
  // Without the codec: the floor encrypts nothing.
  const client = new Client({ connection: bed.client.connection, namespace: NAMESPACE });
  return {
    name: 'floor',
    async act() {
      const actionId = ulid();
      const signedAtMs = Date.now();
      const [signature] = await bed.agent.sign([payloadOf(actionId, 'request')]);
      await record.insert(actionId, ['request'], [Buffer.from(signature ?? []).toString('base64')]);
      const request = payloadOf(actionId, 'request').toString();
      const handle = await client.workflow.start<typeof floorAction>('floorAction', {
        workflowId: workflowIdOf(actionId),
        taskQueue: 'floor',
        args: [{ actionId, request }],
      });
      const { heldAtMs } = await waitUntilHeld(client, handle.workflowId);
      const decidedAtMs = Date.now();
      await record.state(actionId, ['decision']);
      await handle.executeUpdate<string, [unknown], 'decide'>('decide' satisfies (typeof floorDecide)['name'], {
        args: [payloadOf(actionId, 'decision').toString()],
      });
      await handle.result();
      return { actionId, signedAtMs, heldAtMs, decidedAtMs, resultAtMs: Date.now() };
    },
    async statementsOf(actionIds) {
      const { rows } = await pool.query<{ action_id: string; kind: string; recorded_at_ms: number }>(
        'select action_id, kind, recorded_at_ms from statements where action_id = any ($1) order by sequence',
        [actionIds],
      );
      return groupByAction(rows);
    },
    historySize: (actionId) => sizeOfHistory(client, workflowIdOf(actionId)),
  };
}

async function startFloorProcess(
  bed: Bed,
  recordUrl: string,
  { process, purpose, taskQueue, runsWorkflows, maxConcurrentActivities }: (typeof PROCESSES)[number],
  defer: (close: () => Promise<unknown>) => void,
): Promise<void> {
  const outputDir = join(bed.folder, 'floor');
  await mkdir(outputDir, { recursive: true });
  const config: FloorProcessConfig = {
    temporal: { address: bed.services.temporal.address, namespace: NAMESPACE },
    taskQueue,
    runsWorkflows,
    maxConcurrentActivities,
    vault: await vaultConfig(bed, process, purpose),
    recordUrl,
    target: targetOf(bed),
    outputDir,
    query: EXPORT_QUERY,
  };
  const configFile = join(bed.folder, `floor-${process}.json`);
  await writeFile(configFile, JSON.stringify(config), { mode: 0o600 });
  const logFile = join(bed.folder, `floor-${process}.log`);
  const started = await startProcess({
    name: `the floor's ${process}`,
    executable: globalThis.process.execPath,
    args: [fileURLToPath(new URL('process.js', import.meta.url)), configFile],
    env: {},
    logFile,
  });
  defer(() => started.stop());
  await started.untilReady(async () => (await readFile(logFile, 'utf8')).includes('{"ready":true}'));
}

async function vaultConfig({ installation }: Bed, process: ProcessName, purpose: string): Promise<BareVaultConfig> {
  const { mount, roleId, wrappedSecretId } = await installation.issueLogin(process);
  const { address, mounts } = installation.vault;
  const login = { mount, roleId, wrappedSecretId: wrappedSecretId.reveal() };
  return { address, transitMount: mounts.transit, purpose, login };
}

function targetOf({ installation }: Bed): FloorTarget {
  const [target] = installation.targets;
  if (target === undefined) throw new Error('startFloor: the installation has no target');
  const { host, port, database, vault } = target;
  const credentials = (role: string): string => `${vault.mount}/creds/${role}`;
  return {
    host,
    port,
    database,
    preview: { tokenRole: vault.previewTokenRole, credentialPath: credentials(vault.previewRole) },
    execute: { tokenRole: vault.executeTokenRole, credentialPath: credentials(vault.executeRole) },
  };
}

function workflowIdOf(actionId: string): string {
  return `floor/${actionId}`;
}
