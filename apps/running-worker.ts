import type { Worker } from '@temporalio/worker';

/** A started Temporal worker. */
export interface RunningWorker {
  /** Resolves when it has ended; rejects when it failed. */
  done: Promise<void>;
  /** Resolves when its Vault token is gone for good. */
  lost: Promise<Error>;
  /** Lets running activities end, then closes everything. */
  stop(): Promise<void>;
}

/** Runs a worker until it is stopped. */
export function runWorker(worker: Worker, lost: Promise<Error>, close: () => Promise<void>): RunningWorker {
  const done = worker.run().finally(close);
  // Whoever started it may only look at `done` when it stops.
  done.catch(() => undefined);
  return {
    done,
    lost,
    async stop() {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await done;
    },
  };
}
