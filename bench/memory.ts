import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { reviewStateQuery } from '../src/contracts/workflow.js';
import { workflowIdOf } from '../src/contracts/workflow-id.js';
import type { Bed } from './bed.js';
import { inLanes } from './lanes.js';
import type { Subject } from './subject.js';

/** What one waiting action costs the worker. */
export interface Weight {
  /** How many were weighed. */
  count: number;
  bytesEach: number;
}

const LANES = 8;
const LOOK_EVERY_MS = 1_000;
const MAX_LOOKS = 12;

/** Fewer would weigh the worker's noise, whatever the time. */
const LEAST = 60;

/** The share of the held actions that only warms the new worker up. */
const WARM_UP_SHARE = 0.2;

/**
 * Holds up to `count` actions (fewer when the time is over), starts a new worker that collects its garbage all the time,
 * and has it load them by a query each: what its resident memory then grows by is the cached workflows, not what their
 * activities or their replay left behind.
 */
export async function weighWaitingActions(
  bed: Bed,
  subject: Subject,
  count: number,
  mayGoOn: () => boolean,
): Promise<Weight> {
  const actionIds: string[] = [];
  await inLanes(LANES, Array.from({ length: count }), async () => {
    if (actionIds.length < LEAST || mayGoOn()) actionIds.push(await subject.hold());
  });
  const collector = fileURLToPath(new URL('collect-garbage.cjs', import.meta.url));
  const { pid } = await bed.restart('worker', { NODE_OPTIONS: `--require=${collector}` });
  const load = async (actionId: string): Promise<void> => {
    const { phase } = await bed.client.workflow.getHandle(workflowIdOf(actionId)).query(reviewStateQuery);
    if (phase !== 'waiting') throw new Error(`Action ${actionId} does not wait: ${phase}.`);
  };
  const warmUp = Math.ceil(actionIds.length * WARM_UP_SHARE);
  await inLanes(LANES, actionIds.slice(0, warmUp), load);
  const before = await settledBytes(pid);
  await inLanes(LANES, actionIds.slice(warmUp), load);
  const weighed = actionIds.length - warmUp;
  return { count: weighed, bytesEach: ((await settledBytes(pid)) - before) / weighed };
}

/** Resident memory once it falls no further, looked at every second. */
async function settledBytes(pid: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let looks = 0, unchanged = 0; looks < MAX_LOOKS && unchanged < 3; looks += 1) {
    await delay(LOOK_EVERY_MS);
    const bytes = await residentBytes(pid);
    unchanged = bytes < least ? 0 : unchanged + 1;
    least = Math.min(least, bytes);
  }
  return least;
}

async function residentBytes(pid: number): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
  return Number(stdout.trim()) * 1024;
}
