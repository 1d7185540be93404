import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { createStyle } from '../../apps/cli/render/style.js';
import { startDevStack, type DevStack } from '../../apps/devstack/dev-stack.js';
import { offerLines, pasteableExamples, preamble, rotationLines } from '../../apps/devstack/dev.js';
import { readDevstackEnvironment } from '../../apps/devstack/environment.js';
import { findOffer, LIVE_OPERATIONS } from '../../apps/devstack/operations/offer.js';
import { examplePolicies } from '../../apps/devstack/place.js';
import { createPortChooser } from '../../apps/devstack/services/ports.js';
import { createGatewayApi, type GatewayApi } from '../../src/client/api.js';
import { createGatewayHttp } from '../../src/client/http.js';
import { Secret } from '../../src/core/secret.js';
import { checkBundle } from '../../src/policy/load-bundle.js';
import type { ActionView } from '../../src/record/action-view.js';
import { OCSF_CLASSES, type OcsfEvent } from '../../src/siem/ocsf/event.js';
import { createVaultClient } from '../../src/vault/client.js';
import { startFakeSlack, type FakeSlack } from '../fakes/slack/fake-slack.js';
import { createOcsfJudge } from '../support/ocsf.js';
import { until } from '../support/until.js';

const offer = await findOffer();
const names = offer.on.map(({ operation }) => operation);

const SLACK = { teamId: 'T0000001', appId: 'A0000001', channel: 'C0000001', ben: 'U7777777' };
const SIGNING_SECRET = '0123456789abcdef0123456789abcdef';
const BOT_TOKEN = 'xoxb-dev';

/** What `countersign dev` starts and prints, on ports of its own. */
describe('the development stack', () => {
  const asked = new Map<string, string>();
  let folder: string;
  let stack: DevStack;
  let slack: FakeSlack;
  let stop = (): Promise<void> => Promise.resolve();
  let reader: GatewayApi;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-dev-stack-'));
    slack = await startFakeSlack({
      ...SLACK,
      ...{ conversations: [SLACK.channel], signingSecret: SIGNING_SECRET, botToken: BOT_TOKEN, clock: Date.now },
    });
    slack.state.setUser(SLACK.ben, {});
    const policies = join(folder, 'policies');
    await cp(examplePolicies, policies, { recursive: true });
    const directory = await readFile(join(policies, 'directory.yaml'), 'utf8');
    await writeFile(join(policies, 'directory.yaml'), directory.replace('U0000002', SLACK.ben));
    const { choose } = createPortChooser(() => undefined);
    stack = await startDevStack({
      folder: join(folder, 'dev'),
      ports: {
        temporal: await choose('Temporal'),
        temporalUi: await choose('its UI'),
        vault: await choose('Vault'),
        postgres: await choose('PostgreSQL'),
        oidc: await choose('sign-in'),
        gateway: await choose('the gateway'),
      },
      operations: offer.on,
      policies,
      chats: readDevstackEnvironment(slackEnvironment(slack)).chats,
      step: (_what, work) => work(),
      say: () => undefined,
    });
    ({ stop } = stack);
    reader = await apiAs('ben');
  });

  afterAll(async () => {
    await stop();
    await slack.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** As a person who pastes lines into a new shell. */
  async function paste(...lines: string[]): Promise<string> {
    const env = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: folder, NO_COLOR: '1' };
    const text = [...preamble(stack), ...lines].join('\n');
    return (await promisify(execFile)('/bin/sh', ['-c', text], { env })).stdout;
  }

  async function apiAs(person: string): Promise<GatewayApi> {
    const token = await stack.services.oidc.signIn(person);
    return createGatewayApi(
      createGatewayHttp({ baseUrl: stack.place.gatewayUrl, authorize: async () => `Bearer ${token}` }),
    );
  }

  /** Ids of the keys that signed statements of a kind about an action. */
  async function keysOf(kind: string, actionId: string): Promise<string[]> {
    const client = new pg.Client({ connectionString: stack.installation.recordUrls.gateway.reveal() });
    await client.connect();
    try {
      const text = 'select envelope from countersign.statements where kind = $1 and action_id = $2';
      const { rows } = await client.query<{ envelope: string }>(text, [kind, actionId]);
      return rows.flatMap(({ envelope }) =>
        (JSON.parse(envelope) as { signatures: { keyid: string }[] }).signatures.map(({ keyid }) => keyid),
      );
    } finally {
      await client.end();
    }
  }

  const show = (operation: string): Promise<ActionView> => reader.get(asked.get(operation) ?? '');

  test('offers what its programs are there for: in the lane of HashiCorp’s Vault all, else all but AWS', () => {
    const all = LIVE_OPERATIONS.map(({ operation }) => operation);
    const needed = inject('services').vault.product === 'hashicorp-vault' ? all : all.slice(0, 5);
    expect(names).toEqual(expect.arrayContaining(needed));
    expect([...names, ...offer.off.map(({ operation }) => operation)].sort()).toEqual([...all].sort());
  });

  test.each(names)('%s: the printed request is held for people, and who is named may approve', async (operation) => {
    const example = pasteableExamples(stack).find((each) => each.operation === operation);
    const said = await paste(...(example?.lines ?? []));
    asked.set(operation, /^Asked: (\S+)$/m.exec(said)?.[1] ?? '');
    await until(async () => (await show(operation)).state !== 'preparing');
    const { state, plan } = await show(operation);
    expect(state).toBe('waiting');
    // One person is enough, and the one who is named is in the group.
    expect(plan?.stages.map(({ quorum }) => quorum)).toEqual([1]);
    const { policy } = await checkBundle(stack.place.policyDir);
    expect(policy?.directory.membersOf(plan?.stages[0]?.group ?? '')).toContain(example?.approver);
  });

  test('with an app in Slack and one’s own account in the directory, the export is decided there', async () => {
    const { actionId } = await show('database.export');
    const message = () =>
      slack.state.messages(SLACK.channel).find(({ blocks }) => JSON.stringify(blocks).includes(`${actionId}.`));
    await until(async () => message() !== undefined);
    const ts = message()?.ts ?? '';
    const decided = async (): Promise<boolean> => {
      const click = { conversation: SLACK.channel, ts, button: 'countersign_approve', userId: SLACK.ben };
      expect((await slack.click(stack.place.gatewayUrl, click)).status).toBe(200);
      return (await show('database.export')).decisions.some(({ person }) => person === 'ben');
    };
    // As in a real chat: pressed again while the gateway does not know yet that the message is ours.
    await until(decided);
    expect((await show('database.export')).decisions).toMatchObject([{ person: 'ben', channel: 'slack' }]);
  });

  test('a key is rotated by the printed lines, while actions wait; no process is told of what that takes', async () => {
    await paste('set -e', ...rotationLines(stack));
    for (const process of ['gateway', 'worker', 'executor', 'notary'] as const) {
      const logOf = (): Promise<string> => readFile(join(folder, 'dev', 'logs', `${process}.log`), 'utf8');
      await until(async () => (await logOf()).includes('another keyring is in force'));
      const settings = JSON.stringify(await stack.place.environmentOf(process));
      for (const file of Object.values(stack.rotation)) {
        expect(settings).not.toContain(dirname(file));
        expect(((await stat(file)).mode & 0o777).toString(8)).toBe('600');
      }
    }
  });

  test('vault.policy goes to its end: approved by the new key, written, its credential gone', async () => {
    const { actionId, actionDigest } = await show('vault.policy');
    const api = await apiAs('fay');
    await api.decide(actionId, {
      decision: 'approve',
      reason: 'Its own secrets',
      actionDigest: actionDigest ?? '',
      idempotencyKey: randomUUID(),
    });
    await until(async () => (await show('vault.policy')).lease === 'revoked');
    const { outcome } = await show('vault.policy');
    expect(outcome?.status).toBe('succeeded');
    expect(await keysOf('decision', actionId)).toEqual(['decision/2']);
    const rootToken = new Secret(stack.services.vault.rootToken);
    const vault = createVaultClient({ address: stack.services.vault.address, credential: () => rootToken });
    expect(JSON.stringify(await vault.read('sys/policies/acl/app-orders'))).toContain('list');
  });

  test('all that happened is in the SIEM’s file, as events that OCSF allows', async () => {
    const file = join(folder, 'dev', 'siem', 'events.ndjson');
    const textOf = (): Promise<string> => readFile(file, 'utf8');
    const { actionId } = await show('vault.policy');
    const isOf = ({ metadata }: OcsfEvent, code: string): boolean =>
      metadata['event_code'] === code && metadata['correlation_uid'] === actionId;
    const eventsIn = (text: string): OcsfEvent[] =>
      text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as OcsfEvent);
    await until(async () => eventsIn(await textOf()).some((event) => isOf(event, 'receipt')));
    await until(async () => (await reader.siem()).sinks.every(({ lagEntries }) => lagEntries === 0));
    const { ledgerSize, sinks } = await reader.siem();
    expect(sinks).toMatchObject([{ sink: 'file', kind: 'ndjson-file', rejected: 0, lastError: null }]);
    const events = eventsIn(await textOf());
    expect(events.length).toBeGreaterThanOrEqual(ledgerSize);
    expect(events.map(({ metadata }) => metadata.sequence)).toEqual(events.map((_event, index) => index));
    const judge = createOcsfJudge(Object.values(OCSF_CLASSES).map(({ uid }) => uid));
    expect(events.flatMap(judge)).toEqual([]);
    // Nothing failed to verify, and what was written is there.
    expect(events.filter(({ class_uid }) => class_uid === OCSF_CLASSES.detection_finding.uid)).toEqual([]);
    expect(events.find((event) => isOf(event, 'result'))).toMatchObject({
      class_uid: OCSF_CLASSES.entity_management.uid,
      activity_name: 'Update',
      status_id: 1,
    });
  });

  test('Temporal’s UI asks our codec server, which answers its pages, and tells where to sign in', async () => {
    const { uiUrl } = stack.services.temporal;
    const { gatewayUrl } = stack.place;
    const settings = (await (await fetch(`${uiUrl}/api/v1/settings`)).json()) as Record<string, unknown>;
    expect(settings).toMatchObject({
      Version: expect.any(String) as string,
      Codec: { Endpoint: `${gatewayUrl}/codec`, IncludeCredentials: true, DefaultErrorLink: `${gatewayUrl}/queue` },
    });
    const preflight = await fetch(`${gatewayUrl}/codec/decode`, { method: 'OPTIONS', headers: { origin: uiUrl } });
    expect(preflight.headers.get('access-control-allow-origin')).toBe(uiUrl);
    expect((await fetch(stack.runUrl('action/none', 'none'))).headers.get('content-type')).toBe('text/html');
  });

  test('leaves nothing running and no folder behind', async () => {
    const { gatewayUrl } = stack.place;
    await stop();
    await expect(fetch(`${gatewayUrl}/healthz`)).rejects.toThrow();
    await expect(fetch(stack.services.temporal.uiUrl)).rejects.toThrow();
    const left = await Promise.all([tmpdir(), '/tmp'].map((base) => readdir(base)));
    const ours = left.flat().filter((name) => name.includes(`-${String(process.pid)}-`));
    expect(ours.filter((name) => name.startsWith('countersign-dev-'))).toEqual([]);
  });
});

/** As somebody exports it who tries the smoke test of docs/channels/slack.md. */
function slackEnvironment({ apiUrl }: FakeSlack): Record<string, string> {
  return {
    COUNTERSIGN_SLACK_BOT_TOKEN: BOT_TOKEN,
    COUNTERSIGN_SLACK_TEAM_ID: SLACK.teamId,
    COUNTERSIGN_SLACK_CHANNEL: SLACK.channel,
    COUNTERSIGN_SLACK_APP_ID: SLACK.appId,
    COUNTERSIGN_SLACK_SIGNING_SECRET: SIGNING_SECRET,
    COUNTERSIGN_SLACK_API_URL: apiUrl,
  };
}

test('of the chats each process gets what it needs: the signing secret is the gateway’s alone', () => {
  const { posting, gateway } = readDevstackEnvironment({ COUNTERSIGN_SLACK_SIGNING_SECRET: 'x', PATH: '/bin' }).chats;
  expect([posting, gateway]).toEqual([{}, { COUNTERSIGN_SLACK_SIGNING_SECRET: 'x' }]);
});

test('what is off is told calmly, with the command that turns it on', () => {
  const off = [{ operation: 'ssh.command', missing: { what: 'OpenSSH', command: 'npm run setup -- --with=ssh' } }];
  expect(offerLines({ on: offer.on.slice(0, 1), off }, createStyle(false))).toEqual([
    'Operations',
    '  on   database.export',
    '  off  ssh.command      needs OpenSSH. To turn it on: npm run setup -- --with=ssh',
  ]);
});
