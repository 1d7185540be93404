import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Refusal } from '../../src/core/errors.js';
import type { Preview } from '../../src/core/schemas/action.js';
import { sshCommand } from '../../src/operations/ssh-command/ssh-command.js';
import { until } from '../support/until.js';
import { startSshHarness, type SshHarness } from './ssh-harness.js';

const run = promisify(execFile);

let harness: SshHarness;
let host: SshHarness['host'];
let actionOf: SshHarness['actionOf'];
let outputOf: SshHarness['outputOf'];
beforeAll(async () => {
  harness = await startSshHarness();
  ({ host, actionOf, outputOf } = harness);
});
afterAll(async () => {
  await harness.stop();
});
beforeEach(async () => {
  await host.reset();
});

/** `sleep` itself, once it runs: the words of the command stand in its wrapper and in the client before. */
async function sleeping(seconds: string): Promise<string[]> {
  return (await processesWith(seconds)).filter((command) => command.replace('/bin/', '').trim() === `sleep ${seconds}`);
}

/** Processes that bear the action's mark, or run one of its words. */
async function processesWith(text: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
    if (command.includes(text)) found.push(command.replaceAll('\0', ' ').slice(0, 80));
  }
  return found;
}

describe('a command', () => {
  it('runs once, with its output, digests and exit code', async () => {
    const action = await actionOf({ command: [host.program, 'hello'] });
    const result = await action.execute();
    expect(result).toMatchObject({
      exitCode: 0,
      leftProcesses: 0,
      format: 'txt',
      stdout: { bytes: 12, keptBytes: 12 },
      stderr: { bytes: 0 },
    });
    expect(await outputOf(action)).toBe('noted hello\n');
    expect(await host.effects()).toEqual(['hello']);
  });

  const words = [
    ['a quote', "it's"],
    ['an attempt to close the quotes', "'; touch injected; '"],
    ['substitutions', '$(touch injected) `touch injected` ${HOME}'],
    ['separators', '; touch injected & touch injected | touch injected || true'],
    ['a line feed', 'one\ntouch injected'],
    ['a backslash at the end', 'a\\'],
    ['patterns and history', '* ? [a-z] !! ~'],
    ['an option', '--help'],
    ['nothing', ''],
    ['other scripts than ours', 'ünïcödé ☃'],
  ] as const;
  it.each(words)('reaches its program unchanged: %s', async (_, word) => {
    const action = await actionOf({ command: ['/usr/bin/printf', '%s|', word, 'end'] });
    await action.execute();
    expect(await outputOf(action)).toBe(`${word}|end|`);
    expect(Object.keys(await host.files()).filter((path) => path.endsWith('injected'))).toEqual([]);
  });

  it('may be as long as the limit allows, quotes throughout', async () => {
    const word = "'".repeat(8_000);
    const action = await actionOf({ command: ['/usr/bin/printf', '%s', word] });
    await action.execute();
    expect(await outputOf(action)).toBe(word);
  });

  it('has an empty input, so that it cannot hear what we tell its wrapper', async () => {
    const action = await actionOf({ command: ['/bin/cat'] });
    expect(await action.execute()).toMatchObject({ exitCode: 0, stdout: { bytes: 0 } });
  });

  it('keeps standard error apart, and an exit code that is not 0', async () => {
    const action = await actionOf({
      command: ['/bin/sh', '-c', 'echo out; echo bad >&2; exit 3'],
      expectedExitCodes: [0],
    });
    const result = await action.execute();
    expect(result).toMatchObject({ exitCode: 3, stdout: { bytes: 4 }, stderr: { bytes: 4 } });
    expect(await outputOf(action)).toBe('out\n\n----- standard error -----\nbad\n');
    const preview = { estimate: { expectedExitCodes: [0] } } as unknown as Preview;
    expect(sshCommand.checkEffect(preview, result).map(({ code }) => code)).toEqual(['unexpected_exit']);
  });

  it('keeps the first MiB of its output, and counts and hashes the whole', async () => {
    const action = await actionOf({ command: ['/usr/bin/head', '-c', '3000000', '/dev/zero'] });
    const result = await action.execute();
    expect(result).toMatchObject({ stdout: { bytes: 3_000_000, keptBytes: 1_048_576 } });
    const { stdout } = await run('/bin/sh', ['-c', 'head -c 3000000 /dev/zero | sha256sum']);
    expect((result['stdout'] as { sha256: string }).sha256).toBe(stdout.slice(0, 64));
  });

  it('cannot forge its own end', async () => {
    const script = 'printf "\\ncountersign-end 00 exit 0 0\\n"; exit 9';
    const action = await actionOf({ command: ['/bin/sh', '-c', script] });
    expect(await action.execute()).toMatchObject({ exitCode: 9 });
    expect(await outputOf(action)).toBe('\ncountersign-end 00 exit 0 0\n');
  });

  it('does not run when the start may not go on record', async () => {
    const action = await actionOf({ command: [host.program, 'never'] });
    const refusal = new Refusal('already_claimed', 'Another attempt has begun this effect.');
    await expect(action.execute({ beginEffect: () => Promise.reject(refusal) })).rejects.toBe(refusal);
    await action.end();
    expect(await host.effects()).toEqual([]);
  });
});

describe('the end of an action', () => {
  const hiding = [
    ['a child in the background', 'sleep 31.MARK & echo started; wait'],
    ['one in a session of its own', 'setsid sleep 31.MARK & echo started; wait'],
    ['one that ignores the polite signal', 'trap "" TERM; sleep 31.MARK; sleep 31.MARK'],
    ['one that has forgotten its environment', 'env -i sleep 31.MARK & echo started; wait'],
  ] as const;

  it.each(hiding)('ends what runs when it is cancelled: %s', async (_, script) => {
    const mark = String(Math.floor(Math.random() * 1e9));
    const action = await actionOf({ command: ['/bin/sh', '-c', script.replaceAll('MARK', mark)] });
    const cancel = new AbortController();
    const running = action.execute({ signal: cancel.signal });
    running.catch(() => undefined);
    await until(async () => (await sleeping(`31.${mark}`)).length > 0);
    cancel.abort();
    await expect(running).rejects.toThrow('This operation was aborted');
    await action.end();
    expect(await processesWith(`31.${mark}`)).toEqual([]);
  });

  it('ends what a finished command left behind, and tells', async () => {
    const mark = String(Math.floor(Math.random() * 1e9));
    const action = await actionOf({ command: ['/bin/sh', '-c', `setsid sleep 31.${mark} >/dev/null 2>&1 & exit 0`] });
    const result = await action.execute();
    expect(result).toMatchObject({ exitCode: 0, leftProcesses: 1 });
    expect(await processesWith(`31.${mark}`)).toEqual([]);
  });

  it('comes after the time that was asked for', async () => {
    const mark = String(Math.floor(Math.random() * 1e9));
    const action = await actionOf({ command: ['/bin/sleep', `31.${mark}`], timeoutSeconds: 1 });
    await expect(action.execute()).rejects.toThrow(/ended after 1 seconds/);
    expect(await processesWith(`31.${mark}`)).toEqual([]);
  });

  it('comes when the client is killed, as with the executor', async () => {
    const mark = String(Math.floor(Math.random() * 1e9));
    const action = await actionOf({ command: ['/bin/sleep', `31.${mark}`] });
    const running = action.execute();
    running.catch(() => undefined);
    await until(async () => (await sleeping(`31.${mark}`)).length > 0);
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const command = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
      if (command.includes(`run ${action.actionId}`) && command.includes('UserKnownHostsFile'))
        process.kill(Number(pid), 'SIGKILL');
    }
    await expect(running).rejects.toThrow(/connection .* was lost/);
    await until(async () => (await processesWith(`31.${mark}`)).length === 0);
    await action.end();
  });

  it('is made by the witness where the wrapper was killed', async () => {
    const mark = String(Math.floor(Math.random() * 1e9));
    const script = `setsid sleep 31.${mark} >/dev/null 2>&1 & sleep 0.5; kill -KILL $PPID`;
    const action = await actionOf({ command: ['/bin/sh', '-c', script] });
    await expect(action.execute()).rejects.toThrow(/connection .* was lost/);
    expect((await processesWith(`31.${mark}`)).length).toBeGreaterThan(0);
    await action.end();
    expect(await processesWith(`31.${mark}`)).toEqual([]);
  });

  it('is not the end of its preview, which is proven while the command runs', async () => {
    const mark = String(Math.floor(Math.random() * 1e9));
    const action = await actionOf({ command: ['/bin/sleep', `3.${mark}`] });
    const running = action.execute();
    await until(async () => (await sleeping(`3.${mark}`)).length > 0);
    await action.end('preview');
    // A crash of the worker may have left the preview's certificate unnamed.
    await action.end('preview', false);
    expect(await running).toMatchObject({ exitCode: 0 });
  });

  it('is ended by the proof, though a crash left its certificate unnamed', async () => {
    const mark = String(Math.floor(Math.random() * 1e9));
    const action = await actionOf({ command: ['/bin/sleep', `60.${mark}`] });
    const running = action.execute().catch((error: unknown) => error);
    await until(async () => (await sleeping(`60.${mark}`)).length > 0);
    await action.end('execute', false);
    expect(await sleeping(`60.${mark}`)).toEqual([]);
    await running;
  });

  it('leaves other commands of the same user alone', async () => {
    const mark = String(Math.floor(Math.random() * 1e9));
    const other = await actionOf({ command: ['/bin/sleep', `3.${mark}`] });
    const running = other.execute();
    await until(async () => (await sleeping(`3.${mark}`)).length > 0);
    const action = await actionOf({ command: [host.program, 'a'] });
    await action.execute();
    await action.end();
    expect(await running).toMatchObject({ exitCode: 0 });
  });
});
