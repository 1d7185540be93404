import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCountersign } from '../../apps/devstack/processes.js';
import type { ServiceProcess } from '../../apps/devstack/services/process.js';
import type { ProcessName } from '../../src/core/schemas/statements.js';
import { policySetTextToParts } from '../../src/policy/cedar.js';
import { isAlive } from '../services/is-alive.js';
import { startStack, type Stack } from '../support/stack.js';

let stack: Stack;
const started: ServiceProcess[] = [];

beforeAll(async () => {
  stack = await startStack({ processes: [] });
});
afterAll(async () => {
  await Promise.all(started.map((process) => process.stop()));
  await stack.close();
});

async function startIt(name: ProcessName, overrides: Record<string, string>): Promise<ServiceProcess> {
  const logFile = join(stack.place.artefactsDir, '..', `${name}.log`);
  const process = await startCountersign(name, { place: stack.place, logFile, overrides });
  started.push(process);
  return process;
}

/** Starts a process whose token is renewed every other second; production's is renewed far more rarely. */
async function start(name: ProcessName): Promise<{ process: ServiceProcess; accessors: () => Promise<string[]> }> {
  const environment = await stack.place.environmentOf(name);
  const role = environment['COUNTERSIGN_VAULT_ROLE'] ?? '';
  const mount = environment['COUNTERSIGN_VAULT_APPROLE_MOUNT'] ?? '';
  await stack.installation.vaultAdmin.write(`auth/${mount}/role/${role}`, { token_period: '4s' });
  return { process: await startIt(name, environment), accessors: () => accessorsOf(mount, role) };
}

/** Tokens that were given for logins as this role at this mount; other installations have roles of the same name. */
async function accessorsOf(mount: string, role: string): Promise<string[]> {
  const { vaultAdmin } = stack.installation;
  const { data } = (await vaultAdmin.list('auth/token/accessors')) as { data: { keys: string[] } };
  const found = await Promise.all(
    data.keys.map(async (accessor) => {
      const token = (await vaultAdmin.write('auth/token/lookup-accessor', { accessor }).catch(() => null)) as {
        data: { path: string; meta: Record<string, string> | null };
      } | null;
      const isOurs = token?.data.path === `auth/${mount}/login` && token.data.meta?.['role_name'] === role;
      return isOurs ? [accessor] : [];
    }),
  );
  return found.flat();
}

describe('a process whose Vault token is revoked', () => {
  it.each<ProcessName>(['gateway', 'worker', 'executor', 'notary'])(
    '%s: ends with exit code 1, and says what was lost and what to do',
    async (name) => {
      const { process, accessors } = await start(name);
      const [accessor, ...others] = await accessors();
      expect(others).toEqual([]);
      await stack.installation.vaultAdmin.write('auth/token/revoke-accessor', { accessor });
      await expect(process.untilReady(() => Promise.resolve(false))).rejects.toThrow(
        /ended before it answered \(exit 1\)[^]*The Vault token is lost: [^]*Start this process again with a new secret id\./,
      );
      expect(isAlive(process.pid)).toBe(false);
    },
    60_000,
  );
});

describe('a process whose Cedar has trapped, which would refuse everything for ever', () => {
  it.each<ProcessName>(['gateway', 'executor'])(
    '%s: says so, and ends with exit code 1',
    async (name) => {
      const preload = fileURLToPath(new URL('../support/trap-cedar.mjs', import.meta.url));
      const running = await startIt(name, { NODE_OPTIONS: `--import=${preload}` });
      process.kill(running.pid, 'SIGUSR2');
      await expect(running.untilReady(() => Promise.resolve(false))).rejects.toThrow(
        /ended before it answered \(exit 1\)[^]*Cedar, which judges policy, has broken down in this process \([^)]+\)[^]*starts another\./,
      );
      expect(isAlive(running.pid)).toBe(false);
    },
    60_000,
  );

  // In this very process, which does not end by itself: so it stays as it is between the trap and the end. The last test, for
  // nothing here asks Cedar afterwards.
  it('is not ready as long as it lives, for want of policy alone', async () => {
    await stack.start('gateway');
    const services = (ok: boolean) => [...READY, { name: 'policy', ok }];
    expect(await readiness()).toEqual({ status: 200, body: { ready: true, services: services(true) } });
    const tooDeep = `permit (principal, action, resource) when { ${'('.repeat(2_000)}true${')'.repeat(2_000)} };`;
    expect(() => policySetTextToParts(tooDeep)).toThrow();
    expect(await readiness()).toEqual({ status: 503, body: { ready: false, services: services(false) } });
    expect((await fetch(`${stack.gatewayUrl}/healthz`)).status).toBe(200);
  });
});

const READY = ['record', 'vault', 'temporal'].map((name) => ({ name, ok: true }));

async function readiness(): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${stack.gatewayUrl}/readyz`);
  return { status: answer.status, body: await answer.json() };
}
