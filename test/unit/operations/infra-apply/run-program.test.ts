import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram, type ProgramRun } from '../../../../src/operations/infra-apply/run-program.js';
import { until } from '../../../support/until.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-run-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const runOf = (script: string, change: Partial<ProgramRun> = {}): ProgramRun => ({
  program: '/bin/sh',
  args: ['-c', script],
  cwd: folder,
  environment: { PATH: '/usr/bin:/bin' },
  scratchDir: folder,
  timeoutMs: 20_000,
  graceMs: 0,
  signal: new AbortController().signal,
  ...change,
});
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
const pidIn = async (name: string): Promise<number> =>
  Number(await readFile(join(folder, name), 'utf8').catch(() => '0'));

describe('a program', () => {
  it('prints, ends with its code, and sees nothing of our environment', async () => {
    const ended = await runProgram(
      runOf('env; echo wrong >&2; exit 3', { environment: { ONLY: 'this', PATH: '/usr/bin:/bin' } }),
    );
    expect(ended).toMatchObject({ code: 3, stopped: false, errors: 'wrong\n' });
    const names = ended.output
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0]);
    expect(names.filter((name) => !['PWD', 'SHLVL', '_', 'OLDPWD'].includes(name ?? '')).sort()).toEqual([
      'ONLY',
      'PATH',
    ]);
  });

  it('is killed with all that it started when it takes too long', async () => {
    const script = 'sleep 1000 & echo $! > slow; wait';
    await expect(runProgram(runOf(script, { timeoutMs: 500 }))).rejects.toMatchObject({
      service: 'host',
      temporary: false,
    });
    const pid = await pidIn('slow');
    await until(async () => !isAlive(pid));
  });

  it('is killed with all that it started when it is aborted', async () => {
    const cancel = new AbortController();
    const running = runProgram(runOf('sleep 1000 & echo $! > aborted; wait', { signal: cancel.signal }));
    await until(async () => (await pidIn('aborted')) > 0);
    cancel.abort(new Error('cancelled'));
    await expect(running).rejects.toThrow('cancelled');
    const pid = await pidIn('aborted');
    await until(async () => !isAlive(pid));
  });

  it('may finish what it began, where it is given time', async () => {
    const cancel = new AbortController();
    const script = 'trap "echo saved > saved; exit 7" TERM; echo $$ > graceful; while :; do sleep 0.05; done';
    const running = runProgram(runOf(script, { signal: cancel.signal, graceMs: 10_000 }));
    await until(async () => (await pidIn('graceful')) > 0);
    cancel.abort(new Error('cancelled'));
    expect(await running).toMatchObject({ code: 7, stopped: true });
    expect(await readFile(join(folder, 'saved'), 'utf8')).toBe('saved\n');
  });

  it('ends when we are killed, and may finish what it began', async () => {
    const script = 'trap "echo saved > orphan-saved; exit 0" TERM; echo $$ > orphan; while :; do sleep 0.05; done';
    const built = join(import.meta.dirname, '../../../../dist/src/operations/infra-apply/run-program.js');
    const input = JSON.stringify({ ...runOf(script, { graceMs: 5_000 }), signal: undefined });
    const main = join(folder, 'main.mjs');
    await writeFile(
      main,
      `import { runProgram } from ${JSON.stringify(built)};\nawait runProgram({ ...${input}, signal: new AbortController().signal });\n`,
    );
    const parent = spawn(process.execPath, [main], { stdio: 'inherit' });
    await until(async () => (await pidIn('orphan')) > 0);
    const pid = await pidIn('orphan');
    parent.kill('SIGKILL');
    await until(async () => !isAlive(pid));
    expect(await readFile(join(folder, 'orphan-saved'), 'utf8')).toBe('saved\n');
  });

  it('gets no more memory than it may have, and writes no core', async () => {
    const { output } = await runProgram(runOf('ulimit -v; ulimit -c'));
    expect(output).toBe('6291456\n0\n');
  });

  it('that is not there is a fault of the machine', async () => {
    const ended = await runProgram(runOf('', { program: '/nonexistent/tofu' }));
    expect(ended.code).toBe(127);
  });
});
