import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createPortChooser } from '../../apps/devstack/services/ports.js';
import { startProcess } from '../../apps/devstack/services/process.js';
import { isAlive } from './is-alive.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-process-test-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('a service process', () => {
  const base = { name: 'Sleeper', env: { PATH: '/usr/bin:/bin' } };

  it('gets the environment it was given and nothing else', async () => {
    const logFile = join(folder, 'env.log');
    const child = await startProcess({ ...base, executable: '/usr/bin/env', args: [], env: { GIVEN: 'yes' }, logFile });
    await vi.waitUntil(() => !isAlive(child.pid));
    const names = (await readFile(logFile, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0]);
    expect(names.filter((name) => name !== 'PWD' && name !== '_' && name !== 'SHLVL')).toEqual(['GIVEN']);
  });

  it('that ends before it answers is reported with the end of its log', async () => {
    const args = ['-c', 'echo "the port is taken"; exit 3'];
    const child = await startProcess({ ...base, executable: '/bin/sh', args, logFile: join(folder, 'ends.log') });
    const neverReady = child.untilReady(() => Promise.resolve(false));
    await expect(neverReady).rejects.toThrow(/Sleeper ended before it answered \(exit 3\)[^]*the port is taken/);
    await child.stop();
  });

  it('that does not answer in time is reported', async () => {
    const child = await startProcess({
      ...base,
      executable: '/bin/sleep',
      args: ['60'],
      logFile: join(folder, 'slow.log'),
    });
    await expect(child.untilReady(() => Promise.resolve(false), 100)).rejects.toThrow(
      'Sleeper did not answer within 0.1 s',
    );
    await child.stop();
    expect(isAlive(child.pid)).toBe(false);
  });

  it('that ignores SIGTERM is killed after five seconds', async () => {
    const logFile = join(folder, 'stubborn.log');
    const args = ['-c', 'trap "" TERM; echo ready; while :; do sleep 1; done'];
    const child = await startProcess({ ...base, executable: '/bin/sh', args, logFile });
    await child.untilReady(async () => (await readFile(logFile, 'utf8')).includes('ready'));
    await child.stop();
    expect(isAlive(child.pid)).toBe(false);
  }, 10_000);

  it.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)('ends when its parent gets %s', async (signal) => {
    const source = await readFile(join(import.meta.dirname, '../../apps/devstack/services/process.ts'), 'utf8');
    const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 };
    await writeFile(join(folder, 'process.mjs'), ts.transpileModule(source, { compilerOptions: options }).outputText);
    const started = { ...base, executable: '/bin/sleep', args: ['60'], logFile: join(folder, 'orphan.log') };
    const script = `import { startProcess } from './process.mjs'; const { pid } = await startProcess(${JSON.stringify(started)}); process.stdout.write(String(pid)); setInterval(() => {}, 1000);`;
    await writeFile(join(folder, 'parent.mjs'), script);
    const parent = spawn(process.execPath, [join(folder, 'parent.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [chunk] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(chunk.toString());
    expect(isAlive(pid)).toBe(true);
    parent.kill(signal);
    await vi.waitUntil(() => !isAlive(pid), { timeout: 5_000 });
  });
});

describe('choosing ports', () => {
  it('takes the wished one when it is free, another and says so when it is not', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the test server has no port');
    const said: string[] = [];
    const ports = createPortChooser((message) => said.push(message));
    const other = await ports.choose('Vault', address.port);
    expect(other).not.toBe(address.port);
    expect(said).toEqual([`Port ${String(address.port)} for Vault is taken; using ${String(other)}.`]);
    server.close();
    await once(server, 'close');
    expect(await createPortChooser().choose('Vault', address.port)).toBe(address.port);
  });

  it('never gives the same one twice', async () => {
    const ports = createPortChooser(() => undefined);
    const chosen = await Promise.all(Array.from({ length: 50 }, async () => ports.choose('a test', 31_999)));
    expect(new Set(chosen).size).toBe(50);
  });
});
