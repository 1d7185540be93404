import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startCountersign } from '../../apps/devstack/processes.js';
import type { ServiceProcess } from '../../apps/devstack/services/process.js';
import type { CountersignGateway } from '../../src/client/index.js';
import { agentOf, personAt, until, type PersonAtGateway } from '../support/actors.js';
import { startStack, type Stack } from '../support/stack.js';

const MILLION = 1_000_000;
const MB = 1_000_000;

let stack: Stack;
let executor: ServiceProcess;
let agent: CountersignGateway;
let ben: PersonAtGateway;

beforeAll(async () => {
  stack = await startStack({ processes: ['worker', 'notary', 'gateway'] });
  executor = await startCountersign('executor', {
    place: stack.place,
    logFile: join(stack.place.artefactsDir, '..', 'executor.log'),
  });
  await stack.installation.inTarget(async (client) => {
    await client.query(
      `insert into orders select 1000000 + n, 1, 'paid', 'EUR', n, now() from generate_series(1, ${String(MILLION)}) n`,
    );
    await client.query('analyze orders');
  });
  agent = agentOf(stack);
  ben = await personAt(stack, 'ben');
});
afterAll(async () => {
  await executor.stop();
  await stack.close();
});

/** Of the executor's whole process, as Linux counts it: `VmRSS` what it has in memory now, `VmHWM` the most it ever had. */
async function memoryOf(counter: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${String(executor.pid)}/status`, 'utf8');
  const [, kibibytes] = new RegExp(`^${counter}:\\s+(\\d+) kB$`, 'm').exec(status) ?? [];
  return Number(kibibytes) * 1_024;
}

async function exportRows(rows: number): Promise<number> {
  const query = `select id, status, currency, total_cents, placed_at, repeat(md5(id::text), 3) as words from orders where id > 0 limit ${String(rows)}`;
  const params = { target: 'orders', query, format: 'csv', maxRows: MILLION };
  const { actionId } = await agent.request({ operation: 'database.export', params, reason: 'All of it' });
  await until(agent, actionId, ({ state }) => state === 'waiting');
  await ben.decideOn(actionId, 'approve');
  const { outcome } = await agent.wait(actionId, { timeoutMs: 60_000 });
  expect(outcome).toMatchObject({ status: 'succeeded', result: { rows } });
  return (await stat(join(stack.place.artefactsDir, `${actionId}.csv`))).size;
}

// Node, Temporal's core, Cedar's and PostgreSQL's parsers: some 250 MB, before anything is asked of it.
it('an export of a million rows adds less than 150 MB to the executor’s process, and most of the file is never in it', async () => {
  await exportRows(10);
  const before = await memoryOf('VmRSS');
  const bytes = await exportRows(MILLION);
  const peak = await memoryOf('VmHWM');
  expect(bytes).toBeGreaterThan(100 * MB);
  expect(peak - before).toBeLessThan(Math.min(150 * MB, bytes / 2));
  expect(peak).toBeLessThan(400 * MB);
});
