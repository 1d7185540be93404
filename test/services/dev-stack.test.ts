import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { createStyle } from '../../apps/cli/render/style.js';
import { startDevStack, type DevStack } from '../../apps/devstack/dev-stack.js';
import { offerLines, pasteableExamples, preamble } from '../../apps/devstack/dev.js';
import { findOffer, LIVE_OPERATIONS } from '../../apps/devstack/operations/offer.js';
import { createPortChooser } from '../../apps/devstack/services/ports.js';
import { createGatewayApi, type GatewayApi } from '../../src/client/api.js';
import { createGatewayHttp } from '../../src/client/http.js';
import { Secret } from '../../src/core/secret.js';
import { checkBundle } from '../../src/policy/load-bundle.js';
import type { ActionView } from '../../src/record/action-view.js';
import { OCSF_CLASSES, type OcsfEvent } from '../../src/siem/ocsf/event.js';
import { createVaultClient } from '../../src/vault/client.js';
import { createOcsfJudge } from '../support/ocsf.js';
import { until } from '../support/until.js';

const offer = await findOffer();
const names = offer.on.map(({ operation }) => operation);

/** What `countersign dev` starts and prints, on ports of its own. */
describe('the development stack', () => {
  const asked = new Map<string, string>();
  let folder: string;
  let stack: DevStack;
  let stop = (): Promise<void> => Promise.resolve();
  let reader: GatewayApi;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-dev-stack-'));
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
      step: (_what, work) => work(),
      say: () => undefined,
    });
    ({ stop } = stack);
    reader = await apiAs('ben');
  });

  afterAll(async () => {
    await stop();
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

  test('vault.policy goes to its end: approved, written, its credential gone', async () => {
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
    const rootToken = new Secret(stack.services.vault.rootToken);
    const vault = createVaultClient({ address: stack.services.vault.address, credential: () => rootToken });
    expect(JSON.stringify(await vault.read('sys/policies/acl/app-orders'))).toContain('list');
  });

  test('all that happened is in the SIEM’s file, as events that OCSF allows', async () => {
    const file = join(folder, 'dev', 'siem', 'events.ndjson');
    const textOf = (): Promise<string> => readFile(file, 'utf8');
    await until(async () => (await textOf()).includes('"event_code":"receipt"'));
    await until(async () => (await reader.siem()).sinks.every(({ lagEntries }) => lagEntries === 0));
    const { ledgerSize, sinks } = await reader.siem();
    expect(sinks).toMatchObject([{ sink: 'file', kind: 'ndjson-file', rejected: 0, lastError: null }]);
    const lines = (await textOf()).trimEnd().split('\n');
    const events = lines.map((line) => JSON.parse(line) as OcsfEvent);
    expect(events.length).toBeGreaterThanOrEqual(ledgerSize);
    expect(events.map(({ metadata }) => metadata.sequence)).toEqual(events.map((_event, index) => index));
    const judge = createOcsfJudge(Object.values(OCSF_CLASSES).map(({ uid }) => uid));
    expect(events.flatMap(judge)).toEqual([]);
    // Nothing failed to verify, and what was written is there.
    expect(events.filter(({ class_uid }) => class_uid === OCSF_CLASSES.detection_finding.uid)).toEqual([]);
    expect(events.find(({ metadata }) => metadata['event_code'] === 'result')).toMatchObject({
      class_uid: OCSF_CLASSES.entity_management.uid,
      activity_name: 'Update',
      status_id: 1,
    });
  });

  test('leaves nothing running and no folder behind', async () => {
    const { gatewayUrl } = stack.place;
    await stop();
    await expect(fetch(`${gatewayUrl}/healthz`)).rejects.toThrow();
    const left = await Promise.all([tmpdir(), '/tmp'].map((base) => readdir(base)));
    const ours = left.flat().filter((name) => name.includes(`-${String(process.pid)}-`));
    expect(ours.filter((name) => name.startsWith('countersign-dev-'))).toEqual([]);
  });
});

test('what is off is told calmly, with the command that turns it on', () => {
  const off = [{ operation: 'ssh.command', missing: { what: 'OpenSSH', command: 'npm run setup -- --with=ssh' } }];
  expect(offerLines({ on: offer.on.slice(0, 1), off }, createStyle(false))).toEqual([
    'Operations',
    '  on   database.export',
    '  off  ssh.command      needs OpenSSH. To turn it on: npm run setup -- --with=ssh',
  ]);
});
