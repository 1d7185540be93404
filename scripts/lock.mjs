// A lock between processes: a folder, because mkdir is atomic everywhere. Its holder beats every second, so that a lock
// left by a dead process (also one in another container, or whose pid was given to someone else) is taken over.
import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const beatEveryMs = 1_000;
const staleAfterMs = 30_000;
const waitAtMostMs = 15 * 60_000;

/** Runs `work` while holding the lock `folder`; waits for another holder at most 15 minutes. */
export async function withLock(folder, work) {
  await mkdir(dirname(folder), { recursive: true });
  await acquire(folder);
  const beat = setInterval(() => void touch(folder), beatEveryMs);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    await rm(folder, { recursive: true, force: true });
  }
}

async function acquire(folder) {
  const giveUpAt = Date.now() + waitAtMostMs;
  let announced = false;
  while (!(await tryAcquire(folder))) {
    const holder = await describeHolder(folder);
    if (holder === undefined) continue;
    if (holder.isStale) {
      await removeStale(folder, holder.pid);
      continue;
    }
    if (!announced) console.log(`  waiting for process ${holder.pid || '?'}, which holds ${folder}`);
    announced = true;
    if (Date.now() > giveUpAt) {
      throw new Error(
        `${folder} has been held by process ${holder.pid} for 15 minutes. If it hangs, end it and start again.`,
      );
    }
    await delay(200);
  }
}

async function tryAcquire(folder) {
  try {
    await mkdir(folder);
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
  await writeFile(join(folder, 'pid'), String(process.pid));
  return true;
}

async function describeHolder(folder) {
  try {
    const { mtimeMs } = await stat(folder);
    // The holder writes its pid just after it made the folder: no pid yet is not stale yet.
    const pid = Number(await readFile(join(folder, 'pid'), 'utf8').catch(() => 0));
    const isSilent = Date.now() - mtimeMs > staleAfterMs;
    return { pid, isStale: isSilent || (pid > 0 && !isAlive(pid)) };
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

async function removeStale(folder, pid) {
  const aside = `${folder}.stale-${process.pid}-${Date.now()}`;
  try {
    await rename(folder, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  // Someone else may have taken the stale lock over between our look and our rename: give it back.
  const taken = Number(await readFile(join(aside, 'pid'), 'utf8').catch(() => 0));
  if (taken === pid) await rm(aside, { recursive: true, force: true });
  else await rename(aside, folder);
}

async function touch(folder) {
  const now = new Date();
  await utimes(folder, now, now).catch(() => undefined); // the folder may just have been released
}
