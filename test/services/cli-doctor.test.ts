import { randomInt } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Finding } from '../../apps/cli/doctor/finding.js';
import { SEARCH_ATTRIBUTE_TYPES } from '../../src/contracts/search-attributes.js';
import { formatCheckpoint } from '../../src/ledger/checkpoint.js';
import { bundleDigest } from '../../src/policy/bundle-files.js';
import { installForTest, type TestInstallation } from '../support/installation.js';
import { startTeams } from '../fakes/teams/teams-gateway.js';
import { teamsIds } from '../unit/teams/views.js';
import { startLocalGateway, type LocalGateway } from '../unit/cli/local-gateway.js';
import { run } from '../unit/cli/run.js';

const { temporal, vault, postgres } = inject('services');
const EXAMPLE = fileURLToPath(new URL('../../policies/example', import.meta.url));

let gateway: LocalGateway;
let installation: TestInstallation;
let mirrors: string;
let whole: Record<string, string>;

beforeAll(async () => {
  mirrors = await mkdtemp(join(tmpdir(), 'countersign-doctor-'));
  gateway = await startLocalGateway({ agents: [], acceptsPerson: async () => false });
  installation = await installForTest();
  whole = {
    COUNTERSIGN_GATEWAY_URL: gateway.url,
    COUNTERSIGN_TEMPORAL_ADDRESS: temporal.address,
    COUNTERSIGN_TEMPORAL_NAMESPACE: temporal.namespace,
    COUNTERSIGN_VAULT_ADDRESS: vault.address,
    COUNTERSIGN_VAULT_TOKEN: vault.adminToken,
    COUNTERSIGN_VAULT_TRANSIT_MOUNT: installation.vault.mounts.transit,
    COUNTERSIGN_RECORD_URL: installation.recordUrls.gateway.reveal(),
    COUNTERSIGN_LEDGER_MIRROR_DIR: await mirrorOf(0),
    COUNTERSIGN_POLICY_DIR: EXAMPLE,
    COUNTERSIGN_POLICY_DIGEST: await bundleDigest(EXAMPLE),
  };
});

/** A folder with a checkpoint of so many entries. */
async function mirrorOf(entries: number): Promise<string> {
  const folder = join(mirrors, String(entries));
  await mkdir(folder, { recursive: true });
  const checkpoint = formatCheckpoint({ origin: 'ledger.test', size: entries, root: new Uint8Array(32) });
  await writeFile(join(folder, 'checkpoint'), `${checkpoint}\n— ledger.test AAAA\n`);
  return folder;
}

afterAll(async () => {
  await rm(mirrors, { recursive: true, force: true });
  await gateway.stop();
  await installation.close();
});

async function doctor(
  change: Record<string, string> = {},
): Promise<{ exitCode: number; findings: Finding[]; text: string }> {
  const { exitCode, stdout, stderr } = await run(['doctor', '--json'], { environment: { ...whole, ...change } });
  return { exitCode, findings: (JSON.parse(stdout) as { findings: Finding[] }).findings, text: stdout + stderr };
}

type Change = Record<string, string>;

describe('doctor', () => {
  it('finds all that an installation needs, and prints no secret', async () => {
    const { findings, text } = await doctor();
    // Nobody runs our processes here: their queues are not judged.
    const others = findings.filter(({ what }) => !/^Temporal: (worker|executor|notary)$/.test(what));
    expect(others.filter(({ status }) => status !== 'ok')).toEqual([]);
    expect(others.map(({ what }) => what)).toEqual([
      'Gateway',
      'Temporal: namespace',
      'Temporal: search attributes',
      'Vault',
      'Vault: signing keys',
      'Vault: content key',
      'Vault: payload key',
      'PostgreSQL',
      'PostgreSQL: migrations',
      'PostgreSQL: role',
      'Ledger: mirror',
      'Policy',
      'Policy: pin',
    ]);
    const password = new URL(installation.recordUrls.gateway.reveal()).password;
    expect(text).not.toContain(vault.adminToken);
    expect(text).not.toContain(password);
  });

  it.each<[what: string, status: Finding['status'], advice: RegExp, change: () => Change | Promise<Change>]>([
    ['Gateway', 'unreachable', /Start it/, () => ({ COUNTERSIGN_GATEWAY_URL: 'http://127.0.0.1:1' })],
    ['Gateway', 'failed', /COUNTERSIGN_GATEWAY_URL/, () => ({ COUNTERSIGN_GATEWAY_URL: vault.address })],
    ['Temporal', 'unreachable', /Start it/, () => ({ COUNTERSIGN_TEMPORAL_ADDRESS: '127.0.0.1:1' })],
    ['Temporal: namespace', 'failed', /namespace create/, () => ({ COUNTERSIGN_TEMPORAL_NAMESPACE: 'nowhere' })],
    ['Vault', 'unreachable', /Start it/, () => ({ COUNTERSIGN_VAULT_ADDRESS: 'http://127.0.0.1:1' })],
    ['Vault', 'failed', /COUNTERSIGN_VAULT_ADDRESS/, () => ({ COUNTERSIGN_VAULT_ADDRESS: gateway.url })],
    ['Vault: signing keys', 'failed', /ed25519/, () => ({ COUNTERSIGN_VAULT_TRANSIT_MOUNT: 'elsewhere' })],
    ['Vault: signing keys', 'skipped', /^$/, () => ({ COUNTERSIGN_VAULT_TOKEN: '' })],
    ['Vault: signing keys', 'failed', /COUNTERSIGN_VAULT_TRANSIT_MOUNT/, () => ({ COUNTERSIGN_VAULT_TOKEN: 'wrong' })],
    ['Vault: content key', 'failed', /type=aes256-gcm96/, () => ({ COUNTERSIGN_VAULT_TRANSIT_MOUNT: 'elsewhere' })],
    ['Vault: content key', 'skipped', /^$/, () => ({ COUNTERSIGN_VAULT_TOKEN: '' })],
    ['Vault: payload key', 'failed', /type=aes256-gcm96/, () => ({ COUNTERSIGN_VAULT_TRANSIT_MOUNT: 'elsewhere' })],
    ['Vault: payload key', 'skipped', /^$/, () => ({ COUNTERSIGN_VAULT_TOKEN: '' })],
    ['PostgreSQL', 'unreachable', /Start it/, () => ({ COUNTERSIGN_RECORD_URL: recordUrl({ port: '1' }) })],
    ['PostgreSQL', 'failed', /role and password/, () => ({ COUNTERSIGN_RECORD_URL: recordUrl({ password: 'wrong' }) })],
    ['PostgreSQL', 'failed', /the database/, () => ({ COUNTERSIGN_RECORD_URL: recordUrl({ pathname: '/nowhere' }) })],
    ['PostgreSQL: migrations', 'failed', /migrations/, () => ({ COUNTERSIGN_RECORD_URL: postgres.adminUrl })],
    ['PostgreSQL: role', 'failed', /own role/, () => ({ COUNTERSIGN_RECORD_URL: asSuperuser() })],
    ['Policy', 'failed', /COUNTERSIGN_POLICY_DIR/, () => ({ COUNTERSIGN_POLICY_DIR: '/nowhere' })],
    ['Policy: pin', 'failed', /pin the new digest/, () => ({ COUNTERSIGN_POLICY_DIGEST: '0'.repeat(64) })],
    ['Ledger: mirror', 'warned', /COUNTERSIGN_LEDGER_MIRROR_DIR/, () => ({ COUNTERSIGN_LEDGER_MIRROR_DIR: '' })],
    ['Ledger: mirror', 'failed', /a notary runs/, () => ({ COUNTERSIGN_LEDGER_MIRROR_DIR: '/nowhere' })],
    [
      'Ledger: mirror',
      'failed',
      /ledger_truncated/,
      async () => ({ COUNTERSIGN_LEDGER_MIRROR_DIR: await mirrorOf(9) }),
    ],
    ['Ledger: mirror', 'skipped', /^$/, () => ({ COUNTERSIGN_RECORD_URL: '' })],
  ])('%s: %s', async (what, status, advice, change) => {
    const { findings, exitCode } = await doctor(await change());
    const finding = findings.find((each) => each.what === what);
    expect(finding).toMatchObject({ status });
    expect(finding?.advice ?? '').toMatch(advice);
    if (status === 'unreachable') expect(exitCode).toBe(6);
    if (status === 'failed') expect(exitCode).toBe(3);
  });

  it('tells a content key of a type that could not wrap from the right one', async () => {
    const { vaultAdmin } = installation;
    const mount = installation.vault.mounts.transit;
    await vaultAdmin.write(`${mount}/keys/content/config`, { deletion_allowed: true });
    await vaultAdmin.delete(`${mount}/keys/content`);
    await vaultAdmin.write(`${mount}/keys/content`, { type: 'ed25519' });
    const { findings, exitCode } = await doctor();
    expect(exitCode).toBe(3);
    expect(findings.filter(({ status, what }) => status === 'failed' && what.startsWith('Vault'))).toMatchObject([
      { what: 'Vault: content key', found: expect.stringContaining('content under') as unknown },
    ]);
  });

  it('names the search attributes that are missing, and the command that adds them', async () => {
    const namespace = `doctor-${String(randomInt(1e9))}`;
    const connection = await Connection.connect({ address: temporal.address });
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
    await connection.close();
    const { findings } = await doctor({ COUNTERSIGN_TEMPORAL_NAMESPACE: namespace });
    const finding = findings.find(({ what }) => what === 'Temporal: search attributes');
    expect(finding?.status).toBe('failed');
    for (const name of Object.keys(SEARCH_ATTRIBUTE_TYPES))
      expect(finding?.advice).toContain(`--name ${name} --type Keyword`);
  });

  it('lays its findings out for people, with a sign and what to do', async () => {
    const { stdout } = await run(['doctor'], {
      environment: { ...whole, COUNTERSIGN_VAULT_ADDRESS: 'http://127.0.0.1:1' },
      columns: 100,
    });
    expect(stdout).toMatch(/^✓ Gateway +http/m);
    expect(stdout).toMatch(/^✗ Vault +http:\/\/127\.0\.0\.1:1 cannot be reached/m);
    expect(stdout).toMatch(/^ +→ Start it, or mend COUNTERSIGN_VAULT_ADDRESS\.$/m);
  });

  it('with nothing configured is a mistake in the command line, and finds nothing in order', async () => {
    const { exitCode, stdout } = await run(['doctor', '--json']);
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false });
  });
});

function recordUrl(change: Partial<Record<'password' | 'port' | 'pathname', string>>): string {
  const url = new URL(installation.recordUrls.gateway.reveal());
  return Object.assign(url, change).href;
}

function asSuperuser(): string {
  const url = new URL(postgres.adminUrl);
  url.pathname = new URL(installation.recordUrls.gateway.reveal()).pathname;
  return url.href;
}

describe('doctor, where Teams is on,', () => {
  it('signs the app in and reads the keys of the Bot Connector, and says which setting is wrong', async () => {
    const teams = await startTeams();
    const settings = {
      COUNTERSIGN_TEAMS_APP_ID: teamsIds.appId,
      COUNTERSIGN_TEAMS_APP_PASSWORD: teamsIds.password,
      COUNTERSIGN_TEAMS_TENANT_IDS: teamsIds.tenantId,
      COUNTERSIGN_TEAMS_CONVERSATION: teamsIds.channel,
      COUNTERSIGN_TEAMS_TOKEN_URL: teams.tokenUrl,
      COUNTERSIGN_TEAMS_OPENID_URL: teams.openIdUrl,
      COUNTERSIGN_PUBLIC_URL: 'https://countersign.example',
    };
    const about = async (change: Record<string, string> = {}) => {
      const { stdout, stderr } = await run(['doctor', '--json'], { environment: { ...settings, ...change } });
      expect(stdout + stderr).not.toContain(teamsIds.password);
      const { findings } = JSON.parse(stdout) as { findings: Finding[] };
      return findings.filter(({ what }) => what.startsWith('Teams')).map(({ what, status }) => `${what} ${status}`);
    };
    expect(await about()).toEqual(['Teams: keys ok', 'Teams: sign-in ok']);
    expect(await about({ COUNTERSIGN_TEAMS_APP_PASSWORD: 'wrong' })).toEqual([
      'Teams: keys ok',
      'Teams: sign-in failed',
    ]);
    expect(await about({ COUNTERSIGN_TEAMS_OPENID_URL: `${teams.url}/x` })).toEqual([
      'Teams: keys failed',
      'Teams: sign-in ok',
    ]);
    expect(await about({ COUNTERSIGN_TEAMS_APP_ID: '' })).toEqual(['Teams failed']);
    expect(teams.state.messages(teamsIds.channel)).toEqual([]);
    await teams.stop();
  });
});
