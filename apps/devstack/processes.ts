import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProcessName } from '../../src/core/schemas/statements.js';
import type { Place } from './place.js';
import { startProcess, type ServiceProcess } from './services/process.js';

// The same from src (tests) and from dist: processes always run what the build made.
const repository = fileURLToPath(new URL('../../', import.meta.url)).replace(/dist\/$/, '');

const READY = '{"ready":true}';

export interface ProcessOptions {
  place: Place;
  /** Log of each start; overwritten. */
  logFile: string;
  /** Settings that differ from the place's. */
  overrides?: Record<string, string>;
}

/** Starts one of Countersign's processes as a process of the operating system, with a Vault login of its own. */
export async function startCountersign(
  process: ProcessName,
  { place, logFile, overrides }: ProcessOptions,
): Promise<ServiceProcess> {
  const started = await startProcess({
    name: process,
    executable: globalThis.process.execPath,
    args: [join(repository, 'dist/apps', process, 'main.js')],
    env: { ...(await place.environmentOf(process)), ...overrides },
    logFile,
  });
  await started.untilReady(async () => (await readFile(logFile, 'utf8')).includes(READY));
  return started;
}
