import { setTimeout as delay } from 'node:timers/promises';
import type { z } from 'zod';
import { parseConfig } from '../src/config/common.js';

/** Something that was started and can be stopped. */
export interface Stoppable {
  /** Rejects when it failed by itself; absent for what can't. */
  done?: Promise<void>;
  /** Resolves when it can do nothing more, though it still runs. */
  lost?: Promise<Error>;
  stop(): Promise<void>;
}

const STOP_WITHIN_MS = 60_000;

/** The whole life of a process: parse the settings, start, end in order on SIGINT or SIGTERM. */
export async function runProcess<T>(schema: z.ZodType<T>, start: (config: T) => Promise<Stoppable>): Promise<void> {
  const running = await startUp(schema, start).catch((error: unknown) => fail(error));
  // One line on stdout tells whoever started us that we are ready.
  process.stdout.write('{"ready":true}\n');
  running.done?.catch((error: unknown) => fail(error));
  void running.lost?.then(async (error) => {
    // Whoever goes on polling takes work away from those who can do it; and a supervisor waits for the end.
    await Promise.race([running.stop().catch(() => undefined), delay(STOP_WITHIN_MS)]);
    // The reason is the last that is said.
    fail(error);
  });
  const stop = (): void => {
    running.stop().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}

async function startUp<T>(schema: z.ZodType<T>, start: (config: T) => Promise<Stoppable>): Promise<Stoppable> {
  return start(parseConfig(schema, process.env));
}

function fail(error: unknown): never {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
