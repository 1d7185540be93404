import type { NativeConnection, Worker } from '@temporalio/worker';
import type { CommonConfig } from '../src/config/common.js';
import type { HostConfig } from '../src/config/host.js';
import { keepHealthFile, type FileKeeper } from './health/health-file.js';
import { askReadiness } from './readiness.js';
import type { Runtime } from './runtime.js';

/** A started Temporal worker. */
export interface RunningWorker {
  /** Resolves when it has ended; rejects when it failed. */
  done: Promise<void>;
  /** Resolves when its Vault token is gone for good. */
  lost: Promise<Error>;
  /** Lets running activities end, then closes everything. */
  stop(): Promise<void>;
}

export interface WorkerToRun {
  process: FileKeeper;
  config: CommonConfig & HostConfig;
  runtime: Runtime;
  connection: NativeConnection;
  worker: Worker;
}

/** Runs a worker until it is stopped; tells by a file how it is, and closes connection and runtime after all else. */
export function runWorker(
  { process, config, runtime, connection, worker }: WorkerToRun,
  close: () => Promise<void>,
): RunningWorker {
  const health = keepHealthFile(process, config, {
    ask: async () => [
      ...(await askReadiness(config, runtime, connection)),
      { name: 'work', ok: worker.getState() === 'RUNNING' },
    ],
    onFault: runtime.onInternal,
  });
  const done = worker.run().finally(async () => {
    await health.stop();
    await close();
    await connection.close();
    await runtime.close();
  });
  // Whoever started it may only look at `done` when it stops.
  done.catch(() => undefined);
  return {
    done,
    lost: runtime.lost,
    async stop() {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await done;
    },
  };
}
