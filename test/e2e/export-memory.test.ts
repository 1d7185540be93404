import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startCountersign } from '../../apps/devstack/processes.js';
import type { ServiceProcess } from '../../apps/devstack/services/process.js';
import type { CountersignGateway } from '../../src/client/index.js';
import { anotherExport } from '../support/another-export.js';
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

/** The most that the executor's whole process ever had in memory, as Linux counts it. */
async function peakBytes(): Promise<number> {
  const status = await readFile(`/proc/${String(executor.pid)}/status`, 'utf8');
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
  return Number(kibibytes) * 1_024;
}

async function exportRows(rows: number): Promise<number> {
  const query = `select id, status, currency, total_cents, placed_at, repeat(md5(id::text), 3) as words from orders where id > 0 limit ${String(rows)}`;
  const params = { target: 'orders', query, format: 'csv', ...anotherExport() };
  const { actionId } = await agent.request({ operation: 'database.export', params, reason: 'All of it' });
  await until(agent, actionId, ({ state }) => state === 'waiting');
  await ben.decideOn(actionId, 'approve');
  const { outcome } = await agent.wait(actionId, { timeoutMs: 60_000 });
  console.log(outcome);
  expect(outcome).toMatchObject({ status: 'succeeded', result: { rows } });
  return (await stat(join(stack.place.artefactsDir, `${actionId}.csv`))).size;
}

it('the executor exports a million rows in 150 MB', async () => {
  const idle = await peakBytes();
  await exportRows(10);
  const few = await peakBytes();
  const bytes = await exportRows(MILLION);
  const many = await peakBytes();
  console.log({ idle: idle / MB, few: few / MB, many: many / MB, bytes: bytes / MB });
});
