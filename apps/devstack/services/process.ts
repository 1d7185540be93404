import { spawn } from 'node:child_process';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface ServiceProcessOptions {
  /** For messages: 'Temporal'. */
  readonly name: string;
  readonly executable: string;
  readonly args: readonly string[];
  /** The whole environment of the child: nothing of ours leaks into it. */
  readonly env: Readonly<Record<string, string>>;
  /** Where stdout and stderr go. Overwritten. */
  readonly logFile: string;
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** Default SIGTERM. */
  readonly stopSignal?: 'SIGTERM' | 'SIGINT';
}

export interface ServiceProcess {
  readonly pid: number;
  /** Resolves when `isReady` says true; fails with the end of the log when the process ends first or time runs out. */
  untilReady(isReady: () => Promise<boolean>, timeoutMs?: number): Promise<void>;
  /** Sends the stop signal, SIGKILL after 5 s; resolves when the process is gone. May be called twice. */
  stop(): Promise<void>;
}

const killAfterMs = 5_000;
const pollEveryMs = 25;

// A pipe from us to the shell's background half breaks when we die, however we die: it then ends the service, which
// took the shell's place (and pid) by exec. "done" tells it that the service is gone and its pid may be someone else's.
const guardedExec = `
signal=$1; shift
(
  trap '' INT TERM HUP
  exec >/dev/null 2>&1
  read -r word <&3 && exit
  kill -"$signal" $$
  for _ in 1 2 3 4 5; do sleep 1; kill -0 $$ || exit; done
  kill -KILL $$
) &
exec "$@" 3<&-
`;

/** Starts a program that ends when this process ends, even if this process is killed. */
export async function startProcess(options: ServiceProcessOptions): Promise<ServiceProcess> {
  const stopSignal = options.stopSignal ?? 'SIGTERM';
  await mkdir(dirname(options.logFile), { recursive: true });
  const log = await open(options.logFile, 'w');
  const child = spawn(
    '/bin/sh',
    ['-c', guardedExec, 'guard', stopSignal.slice(3), options.executable, ...options.args],
    {
      env: { ...options.env },
      stdio: ['ignore', log.fd, log.fd, 'pipe'],
      // Of its own process group, so that Ctrl-C reaches us only and we stop things in order.
      detached: true,
      cwd: '/',
      ...(options.user ?? {}),
    },
  );
  const guardPipe = child.stdio[3];
  guardPipe?.on('error', () => undefined); // the guard may be gone before we say "done"
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => {
      resolve(error.message);
    });
    child.once('exit', (code, signal) => {
      if (guardPipe && 'end' in guardPipe) guardPipe.end('done\n');
      resolve(`exit ${String(code ?? signal)}`);
    });
  });
  await log.close();
  const pid = child.pid;
  if (pid === undefined)
    throw new Error(`${options.name} could not be started: ${options.executable}: ${await exited}`);

  return {
    pid,
    async untilReady(isReady, timeoutMs = 30_000) {
      const ended = exited.then((how) => ({ how }));
      const giveUpAt = Date.now() + timeoutMs;
      while (!(await isReady())) {
        const end = await Promise.race([ended, delay(pollEveryMs, undefined)]);
        if (end)
          throw new Error(`${options.name} ended before it answered (${end.how}). ${await logTail(options.logFile)}`);
        if (Date.now() > giveUpAt) {
          throw new Error(
            `${options.name} did not answer within ${String(timeoutMs / 1000)} s. ${await logTail(options.logFile)}`,
          );
        }
      }
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill(stopSignal);
      const timer = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** Stops everything in `stops`, even when one of them fails, and then throws what failed. */
export async function stopAll(stops: readonly (() => Promise<void>)[]): Promise<void> {
  const results = await Promise.allSettled(stops.map(async (stop) => stop()));
  const failures = results.filter((result) => result.status === 'rejected').map((result): unknown => result.reason);
  if (failures.length > 0) throw new AggregateError(failures, `Stopping failed: ${failures.map(String).join('; ')}`);
}

async function logTail(logFile: string): Promise<string> {
  const lines = (await readFile(logFile, 'utf8')).trimEnd().split('\n').slice(-20);
  return `The end of ${logFile}:\n${lines.map((line) => `    ${line}`).join('\n')}`;
}
