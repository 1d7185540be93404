import { Worker } from 'node:worker_threads';
import { Refusal } from '../../core/errors.js';
import type { Assess, Assessed, ProposedChange } from './assess.js';

export interface AssessingOptions {
  /** Where the built `assessing-thread.js` lies. */
  thread: URL;
  /** Default 60 seconds: some times what the largest bundle takes that a change may have. */
  withinMs?: number;
  /** How much of memory it may take, Cedar's included. Default 1,024 MiB. */
  memoryMb?: number;
}

// Less than the main thread has, so that what is read here can be read there too.
const STACK_MB = 1;
const LOOK_EVERY_MS = 100;
const MB = 1_048_576;

/**
 * Assesses each proposed bundle in a thread of its own: a hang, a trap of Cedar, or hunger for memory costs that thread
 * alone. It sees no environment, and what it answers is only data.
 * @returns refuses with `bundle_invalid` whatever the thread could not finish: what is not known is not accepted.
 */
export function createAssessing({ thread, withinMs = 60_000, memoryMb = 1_024 }: AssessingOptions): Assess {
  // One at a time: two would share the processors, and the limits would mean half as much.
  let last: Promise<unknown> = Promise.resolve();
  return async (change) => {
    const running = last.then(() => runThread(thread, change, { withinMs, memoryMb }));
    last = running.catch(() => undefined);
    const answer = await running;
    if (answer.kind === 'refused') throw new Refusal(answer.code, answer.message, answer.field);
    return answer.assessment;
  };
}

async function runThread(
  thread: URL,
  change: ProposedChange,
  { withinMs, memoryMb }: { withinMs: number; memoryMb: number },
): Promise<Assessed> {
  const atStart = process.memoryUsage.rss();
  const worker = new Worker(thread, {
    workerData: change,
    argv: [],
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: memoryMb / 2, maxYoungGenerationSizeMb: 64, stackSizeMb: STACK_MB },
  });
  const timers: NodeJS.Timeout[] = [];
  try {
    return await new Promise<Assessed>((resolve, reject) => {
      const fail = (why: string): void => {
        reject(unassessed(why));
      };
      worker.once('message', resolve);
      worker.once('error', ({ message }) => {
        fail(message);
      });
      worker.once('exit', () => {
        fail('it ended without an answer');
      });
      timers.push(setTimeout(fail, withinMs, `it took longer than ${String(withinMs / 1_000)} s`));
      // The engine's own limits do not count what WebAssembly takes.
      const look = (): void => {
        if (process.memoryUsage.rss() - atStart > memoryMb * MB) fail(`it took more than ${String(memoryMb)} MiB`);
      };
      timers.push(setInterval(look, LOOK_EVERY_MS));
    });
  } finally {
    for (const timer of timers) clearTimeout(timer);
    await worker.terminate();
  }
}

function unassessed(why: string): Refusal {
  return new Refusal(
    'bundle_invalid',
    `The bundle could not be loaded and compared within its limits (${why}), so it is not accepted: propose a smaller or simpler one.`,
  );
}
