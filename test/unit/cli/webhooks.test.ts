import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCredentialStore } from '../../../apps/cli/credentials.js';
import { Secret } from '../../../src/core/secret.js';
import { ACTION_ID, EVIL, NOW_MS } from './action-fixture.js';
import { startLocalGateway, type LocalGateway } from './local-gateway.js';
import { run, type Ran } from './run.js';

let gateway: LocalGateway;
let folder: string;

beforeAll(async () => {
  gateway = await startLocalGateway({ agents: [], acceptsPerson: async (token) => token === 'token-of-erin' });
  folder = await mkdtemp(join(tmpdir(), 'countersign-cli-'));
  const store = createCredentialStore(join(folder, 'countersign', 'credentials.json'));
  const accessToken = new Secret('token-of-erin');
  await store.save(gateway.url, { accessToken, expiresAtMs: NOW_MS + 60_000, issuer: 'https://id.example.com' });
});

afterAll(async () => {
  await gateway.stop();
  await rm(folder, { recursive: true });
});

const cli = async (args: readonly string[]): Promise<Ran> =>
  run(args, { environment: { COUNTERSIGN_GATEWAY_URL: gateway.url, XDG_CONFIG_HOME: folder } });

const FAILED = {
  id: `msg_${'1'.repeat(32)}`,
  endpoint: 'chat',
  actionId: ACTION_ID,
  statement: null,
  event: 'opened',
  state: 'failed' as const,
  attempts: 3,
  lastStatus: 410,
  payloadSha256: '2'.repeat(64),
  createdAtMs: NOW_MS - 60_000,
  dueAtMs: null,
  deliveredAtMs: null,
  replayedBy: null,
};

describe('webhooks', () => {
  it('says when there are none', async () => {
    expect((await cli(['webhooks', 'deliveries'])).stdout).toBe('No deliveries.\n');
  });

  it('lists deliveries and sends one again', async () => {
    gateway.deliveries.push(FAILED, { ...FAILED, id: `msg_${'3'.repeat(32)}`, state: 'pending', endpoint: `x${EVIL}` });
    const { exitCode, stdout } = await cli(['webhooks', 'deliveries', '--state', 'failed']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`${FAILED.id}  failed  opened of ${ACTION_ID} to chat\n`);
    expect(stdout).toContain('attempts: 3, last answer 410');
    expect((await cli(['webhooks', 'deliveries'])).stdout).not.toContain('\u001B');
    expect((await cli(['webhooks', 'deliveries', '--limit', '1'])).stdout).toContain('--before 1');
    expect((await cli(['webhooks', 'deliveries', '--state', 'odd'])).exitCode).toBe(3);
    const again = await cli(['webhooks', 'replay', FAILED.id]);
    expect(again.stdout).toBe(`It is sent to chat again: opened of ${ACTION_ID}.\n`);
    expect((await cli(['webhooks', 'replay', `msg_${'9'.repeat(32)}`])).exitCode).toBe(3);
  });
});
