import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCredentialStore } from '../../apps/cli/credentials.js';
import { Secret } from '../../src/core/secret.js';
import { ACTION_ID, finishedAction, waitingAction } from '../unit/cli/action-fixture.js';
import { startLocalGateway, type LocalGateway } from '../unit/cli/local-gateway.js';

const MAIN = fileURLToPath(new URL('../../dist/apps/cli/main.js', import.meta.url));
let gateway: LocalGateway;
let folder: string;

beforeAll(async () => {
  gateway = await startLocalGateway({ agents: [], acceptsPerson: async () => true });
  folder = await mkdtemp(join(tmpdir(), 'countersign-process-'));
  const store = createCredentialStore(join(folder, 'countersign', 'credentials.json'));
  const expiresAtMs = Date.now() + 600_000;
  await store.save(gateway.url, { accessToken: new Secret('t'), expiresAtMs, issuer: 'https://id.example.com' });
});

afterAll(async () => {
  await gateway.stop();
  await rm(folder, { recursive: true });
});

function start(...args: string[]): ChildProcess {
  const env = { PATH: '/usr/bin:/bin', COUNTERSIGN_GATEWAY_URL: gateway.url, XDG_CONFIG_HOME: folder };
  return spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

async function ended(child: ChildProcess): Promise<{ exitCode: unknown; stdout: string; stderr: string }> {
  if (child.stdout === null || child.stderr === null) throw new Error('the pipes are open');
  const closed = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await closed;
  return { exitCode: child.exitCode, stdout, stderr };
}

describe('the countersign program', () => {
  it('prints its version', async () => {
    expect(await ended(start('--version'))).toMatchObject({ exitCode: 0, stdout: '0.1.0\n', stderr: '' });
  });

  it('exits with the code of its complaint, and with --json prints that alone', async () => {
    const { exitCode, stdout } = await ended(start('show', ACTION_ID.replace('J', 'K'), '--json'));
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([3, { error: { code: 'action_unknown' } }]);
  });

  it('cannot ask where there is no terminal', async () => {
    gateway.put(waitingAction());
    expect(await ended(start('approve', ACTION_ID))).toMatchObject({ exitCode: 2, stdout: '' });
    expect(gateway.decisions).toEqual([]);
  });

  it('ends a wait on Ctrl-C with 130, and leaves the action alone', async () => {
    gateway.put(waitingAction());
    const child = start('show', ACTION_ID, '--wait');
    const seen = ended(child);
    await untilWritten(child, 'Waiting for dba');
    child.kill('SIGINT');
    expect(await seen).toMatchObject({ exitCode: 130, stdout: '' });
  });

  it('waits until the end', async () => {
    gateway.put(waitingAction());
    const child = start('show', ACTION_ID, '--wait');
    const seen = ended(child);
    await untilWritten(child, 'Waiting for dba');
    gateway.put(finishedAction());
    expect((await seen).exitCode).toBe(0);
  });
});

describe.each([['cli/main.js'], ['devstack/demo.js']])('%s of an incomplete installation', (program) => {
  it('says in one line what to run', async () => {
    const incomplete = join(folder, program.replaceAll('/', '-'));
    await cp(fileURLToPath(new URL('../../dist/apps', import.meta.url)), join(incomplete, 'apps'), { recursive: true });
    await writeFile(join(incomplete, 'package.json'), '{"type":"module"}');
    const child = spawn(process.execPath, [join(incomplete, 'apps', program)], { stdio: ['ignore', 'pipe', 'pipe'] });
    const { exitCode, stdout, stderr } = await ended(child);
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /^error Countersign is not completely installed: it does not find '.+'\. Run: npm run setup .+\n$/,
    );
  });
});

async function untilWritten(child: ChildProcess, words: string): Promise<void> {
  let written = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', (chunk: Buffer) => {
      written += chunk.toString();
      if (written.includes(words)) resolve();
    });
    child.once('close', () => {
      reject(new Error(`it ended before it said "${words}": ${written}`));
    });
  });
}
