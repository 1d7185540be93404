import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { HostConfig } from '../../src/config/host.js';
import { loopEvery } from '../loop.js';
import { readinessSchema, type Readiness } from '../readiness.js';

/** Processes that listen on nothing: a file in the scratch folder tells how they are. */
export const FILE_KEEPERS = ['worker', 'executor', 'notary'] as const;
export type FileKeeper = (typeof FILE_KEEPERS)[number];

const WRITTEN_EVERY_MS = 5_000;
// Vault and the record may take ten seconds to fail.
const STALE_AFTER_MS = 30_000;

const healthSchema = z.object({ atMs: z.int(), services: readinessSchema });

function fileOf(process: FileKeeper, { COUNTERSIGN_SCRATCH_DIR: folder }: Pick<HostConfig, 'COUNTERSIGN_SCRATCH_DIR'>) {
  return join(folder, `${process}.health`);
}

/** Writes down every few seconds what a process needs and whether it answers; on `stop` nothing is left. */
export function keepHealthFile(
  process: FileKeeper,
  config: HostConfig,
  { ask, onFault }: { ask: () => Promise<Readiness>; onFault: (error: unknown) => void },
): { stop(): Promise<void> } {
  const file = fileOf(process, config);
  const write = async (): Promise<void> => {
    const services = await ask();
    // Whole or not at all: it may be read at any time. Made anew: a link that lies there is not followed.
    await rm(`${file}.new`, { force: true });
    await writeFile(`${file}.new`, JSON.stringify({ atMs: Date.now(), services }), { mode: 0o600, flag: 'wx' });
    await rename(`${file}.new`, file);
  };
  const loop = loopEvery(WRITTEN_EVERY_MS, write, onFault);
  return {
    async stop() {
      await loop.stop();
      await rm(file, { force: true });
    },
  };
}

/** Why a process is not healthy, in a sentence; null when it is. */
export async function whyUnhealthy(
  process: FileKeeper,
  config: Pick<HostConfig, 'COUNTERSIGN_SCRATCH_DIR'>,
  nowMs: number,
): Promise<string | null> {
  const file = fileOf(process, config);
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return `The ${process} does not run, or has just started: there is no ${file}.`;
  const { atMs, services } = healthSchema.parse(JSON.parse(text));
  if (nowMs - atMs > STALE_AFTER_MS) return `The ${process} last told how it is at ${new Date(atMs).toISOString()}.`;
  const away = services.filter(({ ok }) => !ok).map(({ name }) => name);
  return away.length === 0 ? null : `The ${process} lacks: ${away.join(', ')}.`;
}
