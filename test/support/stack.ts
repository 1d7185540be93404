import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { msToTs } from '@temporalio/common/lib/time.js';
import { inject } from 'vitest';
import { createPortChooser } from '../../apps/devstack/services/ports.js';
import { writePlace, type Place } from '../../apps/devstack/place.js';
import { startExecutor } from '../../apps/executor/executor.js';
import { startGateway } from '../../apps/gateway/gateway.js';
import { startNotary } from '../../apps/notary/notary.js';
import { startWorker } from '../../apps/worker/worker.js';
import { parseConfig } from '../../src/config/common.js';
import { executorConfigSchema } from '../../src/config/executor.js';
import { gatewayConfigSchema } from '../../src/config/gateway.js';
import { notaryConfigSchema } from '../../src/config/notary.js';
import { workerConfigSchema } from '../../src/config/worker.js';
import { SEARCH_ATTRIBUTES } from '../../src/contracts/search-attributes.js';
import type { ProcessName } from '../../src/core/schemas/statements.js';
import type { InstallOptions } from '../../apps/devstack/installation/install.js';
import { installForTest, type TestInstallation } from './installation.js';
import './quiet-workers.js';

/** A started process that a test may stop and start again. */
export interface StartedProcess {
  stop(): Promise<void>;
}

/** A whole Countersign on an installation and a Temporal namespace of its own. */
export interface Stack {
  installation: TestInstallation;
  place: Place;
  /** With the keys of our processes. */
  client: Client;
  dataConverter: DataConverter;
  namespace: string;
  gatewayUrl: string;
  /** Starts a process inside this one; `stop` of the stack stops it too. */
  start(process: ProcessName): Promise<StartedProcess>;
  close(): Promise<void>;
}

type Settings = Partial<Record<ProcessName, Record<string, string>>>;

export interface StackOptions {
  /** Which processes run. Default: all four. */
  processes?: readonly ProcessName[];
  install?: Partial<InstallOptions>;
  extra?: Settings | ((installation: TestInstallation) => Settings);
  sweepSeconds?: number;
  /** Called before any process logs in: sets up targets of the test's own, and answers with their bundle. */
  prepare?: (installation: TestInstallation) => Promise<Prepared>;
}

export interface Prepared {
  /** Folder of the bundle. */
  policies: string;
  extra?: Settings;
}

const ALL: readonly ProcessName[] = ['worker', 'executor', 'notary', 'gateway'];

export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const services = inject('services');
  const installation = await installForTest(options.install);
  const extra = typeof options.extra === 'function' ? options.extra(installation) : options.extra;
  const prepared = await options.prepare?.(installation);
  const folder = await mkdtemp(join(tmpdir(), 'countersign-stack-'));
  const connection = await Connection.connect({ address: services.temporal.address });
  const namespace = installation.name;
  await makeNamespace(connection, namespace);
  const port = await createPortChooser(() => undefined).choose('gateway');
  const place = await writePlace({
    installation,
    folder,
    temporal: { address: services.temporal.address, namespace },
    oidc: { issuer: services.oidc.issuer, audience: services.oidc.audience },
    gateway: { port },
    agentKeys: { 'export-bot': installation.agent.publicKey.publicKey },
    extra: { ...extra, ...prepared?.extra },
    ...(prepared === undefined ? {} : { policies: prepared.policies, keepTargets: true }),
    sweepSeconds: options.sweepSeconds ?? 2,
  });
  const payloads = await installation.openPayloads();
  const started = new Set<StartedProcess>();
  const stack: Stack = {
    installation,
    place,
    client: new Client({ connection, namespace, dataConverter: payloads.dataConverter }),
    dataConverter: payloads.dataConverter,
    namespace,
    gatewayUrl: place.gatewayUrl,
    async start(process) {
      const running = await startProcess(process, await place.environmentOf(process));
      const handle: StartedProcess = {
        async stop() {
          started.delete(handle);
          await running.stop();
        },
      };
      started.add(handle);
      return handle;
    },
    async close() {
      await Promise.all([...started].map((process) => process.stop()));
      await connection.close();
      payloads.close();
      await installation.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  await Promise.all((options.processes ?? ALL).map((process) => stack.start(process)));
  return stack;
}

function startProcess(process: ProcessName, environment: Record<string, string>): Promise<StartedProcess> {
  switch (process) {
    case 'gateway':
      return startGateway(parseConfig(gatewayConfigSchema, environment));
    case 'worker':
      return startWorker(parseConfig(workerConfigSchema, environment));
    case 'executor':
      return startExecutor(parseConfig(executorConfigSchema, environment));
    case 'notary':
      return startNotary(parseConfig(notaryConfigSchema, environment));
  }
}

/** A namespace of the test's own, so that task queues of parallel tests do not meet. */
async function makeNamespace(connection: Connection, namespace: string): Promise<void> {
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: msToTs('1 day'),
  });
  const searchAttributes = Object.fromEntries(Object.values(SEARCH_ATTRIBUTES).map(({ name }) => [name, 2]));
  // A new namespace reaches the server's caches a moment after it is made.
  for (let attempt = 1; ; attempt += 1) {
    try {
      await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
      return;
    } catch (error) {
      if (attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
