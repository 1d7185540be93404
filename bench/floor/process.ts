import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker } from '@temporalio/worker';
import pg from 'pg';
import { createFloorActivities, type FloorTarget } from './activities.js';
import { createBareRecord } from './record.js';
import { openBareVault, type BareVaultConfig } from './vault.js';

/** Settings of one process of the floor: a JSON file, named by the only argument. */
export interface FloorProcessConfig {
  temporal: { address: string; namespace: string };
  taskQueue: string;
  /** Only one process has it. */
  runsWorkflows: boolean;
  maxConcurrentActivities: number;
  vault: BareVaultConfig;
  recordUrl: string;
  target: FloorTarget;
  outputDir: string;
  query: string;
}

async function main(configFile: string): Promise<void> {
  const config = JSON.parse(await readFile(configFile, 'utf8')) as FloorProcessConfig;
  const vault = await openBareVault(config.vault);
  const pool = new pg.Pool({ connectionString: config.recordUrl, max: 8 });
  const connection = await NativeConnection.connect({ address: config.temporal.address });
  const worker = await Worker.create({
    connection,
    namespace: config.temporal.namespace,
    taskQueue: config.taskQueue,
    ...(config.runsWorkflows ? { workflowsPath: fileURLToPath(new URL('workflow.js', import.meta.url)) } : {}),
    activities: createFloorActivities({ ...config, vault, record: createBareRecord(pool, vault) }),
    maxConcurrentActivityTaskExecutions: config.maxConcurrentActivities,
  });
  process.stdout.write('{"ready":true}\n');
  // Ends on SIGTERM by itself.
  await worker.run();
  await connection.close();
  await pool.end();
}

const [configFile] = process.argv.slice(2);
if (configFile === undefined) throw new Error('floor/process: name the file with its settings');
await main(configFile);
