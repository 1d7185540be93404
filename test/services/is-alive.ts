import { readFileSync } from 'node:fs';

/** Whether a process runs. One that ended, but that its parent has not collected yet (a zombie), does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== 'linux') return true;
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${String(pid)}/status`, 'utf8'));
  } catch {
    return false; // collected since
  }
}
