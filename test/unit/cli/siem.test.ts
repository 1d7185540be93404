import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCredentialStore } from '../../../apps/cli/credentials.js';
import type { SiemSink } from '../../../src/client/answers.js';
import { Secret } from '../../../src/core/secret.js';
import { EVIL, NOW_MS } from './action-fixture.js';
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

const UP_TO_DATE: SiemSink = {
  sink: 'archive',
  kind: 'ndjson-file',
  next: 100,
  lastUid: '1'.repeat(64),
  lagEntries: 0,
  lagSeconds: 0,
  rejected: 0,
  sentAtMs: NOW_MS - 5_000,
  lastError: null,
  failingSinceMs: null,
  seenAtMs: NOW_MS,
};
const BEHIND: SiemSink = {
  ...UP_TO_DATE,
  sink: 'splunk',
  kind: 'splunk-hec',
  next: 58,
  lagEntries: 42,
  lagSeconds: 301,
  lastError: `Splunk answered 503${EVIL}`,
  failingSinceMs: NOW_MS - 300_000,
};

it.each<[string, SiemSink[], string[], number, string]>([
  ['says when there are no sinks', [], [], 0, 'No sinks.'],
  ['shows one that was sent all', [UP_TO_DATE], ['--max-lag', '10'], 0, 'archive (ndjson-file)  all sent'],
  ['shows one that lags', [UP_TO_DATE, BEHIND], [], 0, 'splunk (splunk-hec)  42 to send, the oldest 301 s old'],
  ['ends with 5 when one lags longer than it may', [BEHIND], ['--max-lag', '300'], 5, 'failing since'],
  ['ends with 0 when it may', [BEHIND], ['--max-lag', '301'], 0, 'failing since'],
  [
    'ends with 5 when an event was refused',
    [{ ...UP_TO_DATE, rejected: 1 }],
    ['--max-lag', '10'],
    5,
    'refused for good: 1',
  ],
])('%s', async (_what, sinks, args, exitCode, text) => {
  gateway.sinks.splice(0, gateway.sinks.length, ...sinks);
  const ran = await cli(['siem', ...args]);
  expect(ran.stdout).toContain(text);
  expect(ran.stdout).not.toContain('\u001B');
  expect(ran.exitCode).toBe(exitCode);
});

it('refuses a lag that is no number, and prints JSON for programs', async () => {
  expect((await cli(['siem', '--max-lag', 'soon'])).exitCode).toBe(2);
  gateway.sinks.splice(0, gateway.sinks.length, UP_TO_DATE);
  expect(JSON.parse((await cli(['siem', '--json'])).stdout)).toEqual({ ledgerSize: 100, sinks: [UP_TO_DATE] });
});
