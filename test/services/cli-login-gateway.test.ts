import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { enterUserCode } from '../../apps/devstack/services/oidc-device-sign-in.js';
import { startTestGateway, type TestGateway } from '../support/gateway.js';
import { run } from '../unit/cli/run.js';

let gateway: TestGateway;
let folder: string;

beforeAll(async () => {
  gateway = await startTestGateway();
  folder = await mkdtemp(join(tmpdir(), 'countersign-login-'));
});
afterAll(async () => {
  await gateway.stop();
  await rm(folder, { recursive: true });
});

it('a person who knows only the address of the gateway signs in, and the gateway knows them', async () => {
  const environment = { COUNTERSIGN_GATEWAY_URL: gateway.url, XDG_CONFIG_HOME: folder };
  let shown = '';
  const signedIn = await run(['login', '--json'], {
    environment,
    nowMs: Date.now,
    onError: (text) => {
      shown += text;
    },
    pause: async () => {
      const [, verificationUri, userCode] = /^Open +(\S+)\nEnter +(\S+)$/m.exec(shown) ?? [];
      if (verificationUri === undefined || userCode === undefined) return;
      shown = '';
      await enterUserCode({ verificationUri, userCode, personId: 'carol' });
    },
  });
  expect(signedIn.exitCode).toBe(0);
  expect(JSON.parse(signedIn.stdout)).toMatchObject({ issuer: inject('services').oidc.issuer, signedIn: true });
  const listed = await run(['list', '--json'], { environment, nowMs: Date.now });
  expect(listed.exitCode).toBe(0);
});
