import { mkdir } from 'node:fs/promises';
import type { HostConfig } from '../config/host.js';
import { ServiceFault } from '../core/errors.js';
import type { OperationHost } from './operation.js';

/** What operations may use of this machine, as the process's settings say; makes the scratch folder. */
export async function openHost({
  COUNTERSIGN_SCRATCH_DIR: scratchDir,
  COUNTERSIGN_PROGRAMS: programs,
}: HostConfig): Promise<OperationHost> {
  await mkdir(scratchDir, { recursive: true, mode: 0o700 });
  const paths = new Map(programs);
  return {
    scratchDir,
    program(name) {
      const path = paths.get(name);
      if (path !== undefined) return path;
      throw new ServiceFault('host', `This process was not told where ${name} is: set COUNTERSIGN_PROGRAMS.`, false);
    },
  };
}
