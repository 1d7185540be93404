import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { cliEnvironmentSchema } from '../../apps/cli/environment.js';
import { until } from '../support/until.js';

const MAIN = fileURLToPath(new URL('../../dist/apps/cli/main.js', import.meta.url));

const factsSchema = z.strictObject({
  gateway: z.url(),
  temporalUi: z.url(),
  temporal: z.strictObject({ address: z.string(), namespace: z.literal('countersign') }),
  vault: z.url(),
  signIn: z.url(),
  policy: z.strictObject({ folder: z.string(), digest: z.hex().length(64) }),
  agents: z.array(z.strictObject({ agent: z.string(), keyFile: z.string() })).min(1),
  logs: z.string(),
  environment: z.record(z.string(), z.string()),
  operations: z
    .array(z.strictObject({ operation: z.string(), approver: z.string(), lines: z.array(z.string()).min(2) }))
    .min(3),
  operationsOff: z.array(z.strictObject({ operation: z.string(), needs: z.string(), command: z.string() })),
  rotateKey: z.array(z.string()).min(1),
});

let folder: string;
let child: ChildProcessByStdio<null, Readable, Readable>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-dev-json-'));
});
afterAll(async () => {
  child.kill('SIGINT');
  await rm(folder, { recursive: true, force: true });
});

it('countersign dev --json: one document once all is up, and nothing else on standard output', async () => {
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin' };
  child = spawn(process.execPath, [MAIN, 'dev', '--json'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
  await until(async () => said.stdout.endsWith('\n') || child.exitCode !== null, 90_000);
  expect(child.exitCode, said.stderr).toBeNull();

  const facts = factsSchema.parse(JSON.parse(said.stdout));
  const answers = [facts.gateway + '/readyz', facts.temporalUi, `${facts.signIn}/.well-known/openid-configuration`];
  expect((await Promise.all(answers.map((url) => fetch(url)))).map(({ ok }) => ok)).toEqual([true, true, true]);
  expect(Object.keys(cliEnvironmentSchema.shape)).toEqual(expect.arrayContaining(Object.keys(facts.environment)));
  for (const { keyFile } of facts.agents) expect(await readFile(keyFile, 'utf8')).toContain('PRIVATE KEY');

  // What the identity provider's library says of itself is for its log, not for the person at the terminal.
  expect(await readFile(join(facts.logs, 'oidc.log'), 'utf8')).toContain('oidc-provider WARNING: a quick start');
  expect(said.stderr).not.toContain('oidc-provider');

  child.kill('SIGINT');
  await closed;
  expect(child.exitCode).toBe(0);
  expect(JSON.parse(said.stdout)).toEqual(facts);
  expect(said.stderr).toMatch(/Operations[^]*Starting gateway, worker, executor and notary: done[^]*Stopping/);
}, 150_000);
