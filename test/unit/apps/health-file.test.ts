import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keepHealthFile, whyUnhealthy } from '../../../apps/health/health-file.js';
import { hostConfigSchema } from '../../../src/config/host.js';
import { until } from '../../support/until.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-health-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('writes through no link that somebody else put into the scratch folder', async () => {
  const config = hostConfigSchema.parse({ COUNTERSIGN_SCRATCH_DIR: folder });
  const precious = join(folder, 'precious');
  await writeFile(precious, 'as it was');
  for (const name of ['worker.health', 'worker.health.new']) await symlink(precious, join(folder, name));
  const faults: unknown[] = [];
  const kept = keepHealthFile('worker', config, {
    ask: () => Promise.resolve([{ name: 'record', ok: true }]),
    onFault: (error) => faults.push(error),
  });
  try {
    await until(
      async () => (await whyUnhealthy('worker', config, Date.now()).catch(() => 'no health')) === null,
      20_000,
    );
  } finally {
    await kept.stop();
  }
  expect(await readFile(precious, 'utf8')).toBe('as it was');
  expect(faults).toEqual([]);
});
