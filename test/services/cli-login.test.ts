import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { enterUserCode } from '../../apps/devstack/services/oidc-device-sign-in.js';
import { waitingAction, ACTION_ID } from '../unit/cli/action-fixture.js';
import { startLocalGateway, type LocalGateway } from '../unit/cli/local-gateway.js';
import { run, type Ran } from '../unit/cli/run.js';

const { oidc } = inject('services');
const keys = createRemoteJWKSet(new URL(oidc.jwksUri));
const subject = 'carol';

let gateway: LocalGateway;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-login-'));
  gateway = await startLocalGateway({
    agents: [],
    issuer: oidc.issuer,
    acceptsPerson: async (token) => {
      const options = { issuer: oidc.issuer, audience: oidc.audience };
      return (await jwtVerify(token, keys, options)).payload.sub === subject;
    },
  });
  gateway.put(waitingAction());
});

afterAll(async () => {
  await gateway.stop();
  await rm(folder, { recursive: true });
});

const environment = (): Record<string, string> => ({ COUNTERSIGN_GATEWAY_URL: gateway.url, XDG_CONFIG_HOME: folder });
const cli = async (...args: string[]): Promise<Ran> => run(args, { environment: environment(), nowMs: Date.now });

/** Runs `login`; while it waits between two questions, the person does what `inBrowser` says with what was shown. */
async function login(args: string[], inBrowser: (shown: { url: string; code: string }) => Promise<void>): Promise<Ran> {
  let shown = '';
  let answered = false;
  return run(['login', ...args], {
    environment: environment(),
    nowMs: Date.now,
    onError: (text) => {
      shown += text;
    },
    pause: async () => {
      if (answered) return;
      answered = true;
      const url = /^Open +(\S+)$/m.exec(shown)?.[1] ?? '';
      const code = /^Enter +(\S+)$/m.exec(shown)?.[1] ?? '';
      await inBrowser({ url, code });
    },
  });
}

const approve = async ({ url, code }: { url: string; code: string }): Promise<void> =>
  enterUserCode({ verificationUri: url, userCode: code, personId: subject });

describe('login', () => {
  it('signs in by the device flow at the provider that the gateway names, and the token works', async () => {
    const ran = await login(['--json'], approve);
    expect(ran.exitCode).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({ gateway: gateway.url, issuer: oidc.issuer, signedIn: true });
    const file = join(folder, 'countersign', 'credentials.json');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const kept = JSON.parse(await readFile(file, 'utf8')) as { gateways: Record<string, { accessToken: string }> };
    const token = kept.gateways[gateway.url]?.accessToken ?? '';
    expect(token).not.toBe('');
    expect(ran.stdout + ran.stderr).not.toContain(token);
    expect((await cli('show', ACTION_ID)).exitCode).toBe(0);
  });

  it('logout forgets it', async () => {
    await login([], approve);
    expect((await cli('logout')).stdout).toContain('Signed out');
    expect((await cli('show', ACTION_ID)).exitCode).toBe(7);
    expect((await cli('logout')).stdout).toContain('You were not signed in');
  });

  it('ends with 7 when the person declines', async () => {
    const ran = await login([], async ({ url, code }) => {
      await declineUserCode(url, code);
    });
    expect(ran.exitCode).toBe(7);
    expect(ran.stderr).toContain('The sign-in was declined.');
  });

  it.each<[what: string, args: string[], exitCode: number]>([
    ['a provider that is not there', ['--issuer', 'http://127.0.0.1:1'], 6],
    ['a provider over plain http elsewhere', ['--issuer', 'http://id.example.com'], 7],
    ['a provider that is the gateway', ['--issuer', 'GATEWAY'], 1],
    ['a client that nobody knows', ['--client-id', 'stranger'], 7],
  ])('%s', async (_what, args, exitCode) => {
    const ran = await login(
      args.map((arg) => (arg === 'GATEWAY' ? gateway.url : arg)),
      approve,
    );
    expect(ran.exitCode).toBe(exitCode);
  });
});

/** What the provider's page does when one presses No. */
async function declineUserCode(verificationUri: string, userCode: string): Promise<void> {
  const form = await fetch(verificationUri);
  const cookie = form.headers
    .getSetCookie()
    .map((each) => each.split(';')[0])
    .join('; ');
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(await form.text())?.[1] ?? '';
  const body = new URLSearchParams({ xsrf, user_code: userCode, abort: 'yes', confirm: 'yes' });
  await (await fetch(verificationUri, { method: 'POST', body, headers: { cookie }, redirect: 'manual' })).text();
}
