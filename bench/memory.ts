import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { reviewStateQuery } from '../src/contracts/workflow.js';
import { workflowIdOf } from '../src/contracts/workflow-id.js';
import type { Bed } from './bed.js';
import type { Subject } from './subject.js';

/** What one waiting action costs the worker. */
export interface Weight {
  /** How many were weighed. */
  count: number;
  bytesEach: number;
}

const LANES = 8;

/** The share of the held actions that only warms the new worker up. */
const WARM_UP_SHARE = 0.2;

/**
 * Holds actions, starts a new worker, and has it load them by a query each: what its resident memory then grows by is
 * the cached workflows, not what their activities left behind.
 */
export async function weighWaitingActions(bed: Bed, subject: Subject, count: number): Promise<Weight> {
  const actionIds: string[] = [];
  await inLanes(Array.from({ length: count }), async () => {
    actionIds.push(await subject.hold());
  });
  const { pid } = await bed.restart('worker');
  const load = async (actionId: string): Promise<void> => {
    const { phase } = await bed.client.workflow.getHandle(workflowIdOf(actionId)).query(reviewStateQuery);
    if (phase !== 'waiting') throw new Error(`Action ${actionId} does not wait: ${phase}.`);
  };
  const warmUp = Math.ceil(count * WARM_UP_SHARE);
  await inLanes(actionIds.slice(0, warmUp), load);
  const before = await residentBytes(pid);
  await inLanes(actionIds.slice(warmUp), load);
  const weighed = count - warmUp;
  return { count: weighed, bytesEach: ((await residentBytes(pid)) - before) / weighed };
}

async function inLanes<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const lane = async (): Promise<void> => {
    while (rest.length > 0) await work(rest.shift() as T);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

async function residentBytes(pid: number): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
  return Number(stdout.trim()) * 1024;
}
