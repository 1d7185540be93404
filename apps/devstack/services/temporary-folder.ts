import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

// With the host's name, because containers may share the folder but not the numbering of processes.
const prefix = `countersign-dev-${hostname()}-`;

/**
 * A new folder for a service's files, readable by us only, below one that every user may traverse
 * (a service may run as another user). Folders that killed processes left behind are removed first.
 */
export function createTemporaryFolder(purpose: string): string {
  const base = [tmpdir(), '/tmp', '/var/tmp'].find(isTraversableByAll);
  if (base === undefined)
    throw new Error(
      `Neither ${tmpdir()} nor /tmp may be traversed by other users: set TMPDIR to a folder that may (chmod o+x).`,
    );
  removeLeftovers(base);
  return mkdtempSync(join(base, `${prefix}${String(process.pid)}-${purpose}-`));
}

/** Whether every user may reach what lies in `folder`. */
export function isTraversableByAll(folder: string): boolean {
  const mode = statSync(folder, { throwIfNoEntry: false })?.mode ?? 0;
  if ((mode & 0o001) === 0) return false;
  return dirname(folder) === folder || isTraversableByAll(dirname(folder));
}

export function makeTraversable(folder: string): void {
  chmodSync(folder, 0o711);
}

function removeLeftovers(base: string): void {
  for (const name of readdirSync(base)) {
    const pid = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : Number.NaN;
    if (Number.isNaN(pid) || isAlive(pid)) continue;
    try {
      rmSync(join(base, name), { recursive: true, force: true });
    } catch (error) {
      // Another user's leftovers are not ours to remove.
      if (!isPermissionError(error)) throw error;
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isPermissionError(error);
  }
}

function isPermissionError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EPERM' || error.code === 'EACCES');
}
