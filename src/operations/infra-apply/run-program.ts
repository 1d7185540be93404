import { spawn } from 'node:child_process';
import { open, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceFault } from '../../core/errors.js';

/** What a program of the machine is run with: nothing of ours but what stands here. */
export interface ProgramRun {
  /** Absolute. */
  program: string;
  args: readonly string[];
  cwd: string;
  environment: Readonly<Record<string, string>>;
  /** Private folder for what it prints. */
  scratchDir: string;
  timeoutMs: number;
  /** How long it may take to stop by itself when it must: what it does is then recorded. 0: it is killed at once. */
  graceMs: number;
  signal: AbortSignal;
}

export interface Ended {
  code: number;
  /** Whether it was told to end, because of the signal or of the time. Only where it was given time to do so. */
  stopped: boolean;
  output: string;
  errors: string;
}

const LIMITS = {
  /** Address space of each process, in KiB: programs in Go reserve more than they use. */
  memoryKib: 6 * 1024 * 1024,
  /** Largest file that it may write, in blocks of 512 bytes. */
  fileBlocks: (1024 * 1024 * 1024) / 512,
  outputBytes: 64 * 1024 * 1024,
};

// The program ends when its standard input does: also when we are killed and can do nothing more. First it may finish
// what it has begun, so that the state says so; then the whole group is killed.
const GUARDIAN = `
umask 077; ulimit -c 0; ulimit -v "$1" && ulimit -f "$2" || exit 125
grace=$3; shift 3
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
( while read -r _ <&3; do :; done; kill -TERM "$child"; PATH=/usr/bin:/bin sleep "$grace"; kill -KILL 0 ) >/dev/null 2>&1 &
guard=$!
exec 3<&-
wait "$child"; code=$?
kill -KILL "$guard" 2>/dev/null
exit "$code"`;

/**
 * Runs a program in a process group of its own, within limits of time, memory and output.
 * @throws ServiceFault when it prints too much. When it takes too long, or the signal is aborted, only where it was given
 * no time to end by itself: else what it did has to be asked for. In any case it is gone.
 */
export async function runProgram(run: ProgramRun): Promise<Ended> {
  run.signal.throwIfAborted();
  const outputFile = join(run.scratchDir, 'stdout');
  const errorFile = join(run.scratchDir, 'stderr');
  // Files, not pipes: one that outlives us would die of a closed pipe before it has recorded what it did.
  const [output, errors] = [await open(outputFile, 'w', 0o600), await open(errorFile, 'w', 0o600)];
  try {
    const ended = await waitFor(run, [output.fd, errors.fd]);
    return { ...ended, output: await readLimited(outputFile), errors: await readLimited(errorFile) };
  } finally {
    await Promise.all([output.close(), errors.close()]);
    await Promise.all([rm(outputFile, { force: true }), rm(errorFile, { force: true })]);
  }
}

async function waitFor(run: ProgramRun, [output, errors]: [number, number]): Promise<Pick<Ended, 'code' | 'stopped'>> {
  const { program, args, cwd, environment, timeoutMs, graceMs, signal } = run;
  const limits = [LIMITS.memoryKib, LIMITS.fileBlocks, Math.ceil(graceMs / 1_000)].map(String);
  const child = spawn('/bin/sh', ['-c', GUARDIAN, 'sh', ...limits, program, ...args], {
    cwd,
    env: { ...environment },
    detached: true,
    stdio: ['pipe', output, errors],
  });
  child.stdin?.on('error', () => undefined);
  const ending = { timedOut: false };
  let killing: NodeJS.Timeout | undefined;
  const stop = (): void => {
    child.stdin?.destroy();
    killing ??= setTimeout(() => {
      killGroup(child.pid);
    }, graceMs);
  };
  const timer = setTimeout(() => {
    ending.timedOut = true;
    stop();
  }, timeoutMs);
  signal.addEventListener('abort', stop, { once: true });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', (error) => {
        reject(new ServiceFault('host', `${program} could not be started.`, false, { cause: error }));
      });
      child.once('exit', resolve);
    });
    if (graceMs === 0) signal.throwIfAborted();
    if (ending.timedOut && graceMs === 0)
      throw new ServiceFault(
        'host',
        `${program} took longer than ${String(Math.round(timeoutMs / 1_000))} seconds.`,
        false,
      );
    // A signal ended it: nothing that it printed can be relied on.
    return { code: code ?? 128, stopped: ending.timedOut || signal.aborted };
  } finally {
    clearTimeout(timer);
    clearTimeout(killing);
    signal.removeEventListener('abort', stop);
    child.stdin?.destroy();
    // What it started (providers) must not outlive it.
    killGroup(child.pid);
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

async function readLimited(file: string): Promise<string> {
  if ((await stat(file)).size > LIMITS.outputBytes)
    throw new ServiceFault('host', `A program printed more than ${String(LIMITS.outputBytes)} bytes.`, false);
  return readFile(file, 'utf8');
}
