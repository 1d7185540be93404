import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startCountersign } from '../../apps/devstack/processes.js';
import type { ServiceProcess } from '../../apps/devstack/services/process.js';
import { FILE_KEEPERS, whyUnhealthy, type FileKeeper } from '../../apps/health/health-file.js';
import { startBreakableProxy, type BreakableProxy } from '../support/holding-proxy.js';
import { startStack, type Stack } from '../support/stack.js';
import { until } from '../support/until.js';

const CHECK = fileURLToPath(new URL('../../dist/apps/health/main.js', import.meta.url));

let stack: Stack;
let scratch: string;
let services: Record<'record' | 'vault' | 'temporal', BreakableProxy>;
const running = new Map<FileKeeper, ServiceProcess>();

beforeAll(async () => {
  stack = await startStack({ processes: [] });
  const { temporal, vault, postgres } = inject('services');
  services = {
    record: await startBreakableProxy(`http://${new URL(postgres.adminUrl).host}`),
    vault: await startBreakableProxy(vault.address),
    temporal: await startBreakableProxy(`http://${temporal.address}`),
  };
  for (const name of FILE_KEEPERS) {
    const { COUNTERSIGN_RECORD_URL = '', COUNTERSIGN_SCRATCH_DIR = '' } = await stack.place.environmentOf(name);
    scratch = COUNTERSIGN_SCRATCH_DIR;
    const record = new URL(COUNTERSIGN_RECORD_URL);
    record.host = new URL(services.record.url).host;
    const overrides = {
      COUNTERSIGN_RECORD_URL: record.href,
      COUNTERSIGN_VAULT_ADDRESS: services.vault.url,
      COUNTERSIGN_TEMPORAL_ADDRESS: new URL(services.temporal.url).host,
    };
    const logFile = join(stack.place.artefactsDir, '..', `${name}.log`);
    running.set(name, await startCountersign(name, { place: stack.place, logFile, overrides }));
  }
});
afterAll(async () => {
  for (const proxy of Object.values(services)) proxy.mend();
  await Promise.all([...running.values()].map((process) => process.stop()));
  await Promise.all(Object.values(services).map((proxy) => proxy.close()));
  await stack.close();
});

/** What the container engine runs: its exit code, and what it shows of it. */
async function check(name: FileKeeper): Promise<{ code: number | null; said: string }> {
  let said = '';
  const child = execFile(process.execPath, [CHECK, name], { env: { COUNTERSIGN_SCRATCH_DIR: scratch } });
  child.stderr?.on('data', (text: string) => (said += text));
  await once(child, 'close');
  return { code: child.exitCode, said: said.trim() };
}

/** Until the checks of all three say so; the processes do not wait for each other. */
async function untilAll(code: number, said: (name: FileKeeper) => string): Promise<void> {
  await Promise.all(
    FILE_KEEPERS.map((name) =>
      until(async () => {
        const found = await check(name);
        return found.code === code && found.said === said(name);
      }, 60_000),
    ),
  );
}

describe('the health checks of worker, executor and notary', () => {
  it.each(['record', 'vault', 'temporal'] as const)(
    'fail while the processes do not reach %s, and say so; then all is well again',
    async (service) => {
      await untilAll(0, () => '');
      services[service].break();
      await untilAll(1, (name) => `The ${name} lacks: ${service}.`);
      services[service].mend();
      await untilAll(0, () => '');
    },
    200_000,
  );

  it.each(FILE_KEEPERS)('%s: fails once the process stands still, and as soon as it has ended', async (name) => {
    const config = { COUNTERSIGN_SCRATCH_DIR: scratch };
    const asked = [0, 31_000].map((laterMs) => whyUnhealthy(name, config, Date.now() + laterMs));
    expect(await Promise.all(asked)).toEqual([null, expect.stringContaining(`The ${name} last told how it is at 2`)]);
    await running.get(name)?.stop();
    const ended = expect.stringContaining(`The ${name} does not run`) as string;
    expect(await check(name)).toEqual({ code: 1, said: ended });
  });
});
