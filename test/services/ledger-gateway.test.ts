import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { signInByDevice } from '../../apps/devstack/services/oidc-device-sign-in.js';
import { createGatewayAgent, type CountersignGateway } from '../../src/client/gateway.js';
import { createGatewayApi } from '../../src/client/api.js';
import { createGatewayHttp } from '../../src/client/http.js';
import { payloadDigest, readPayload, type Envelope } from '../../src/core/dsse.js';
import { predicateTypeOf } from '../../src/core/schemas/statements.js';
import { verifyAction } from '../../src/evidence/verify-action.js';
import { openCheckpoint } from '../../src/ledger/checkpoint.js';
import { entryOf } from '../../src/ledger/entry.js';
import { leafHash, rootOf } from '../../src/ledger/merkle.js';
import { verifyProof } from '../../src/ledger/proof.js';
import { decodeBundle, tilePath } from '../../src/ledger/tiles.js';
import { splitHashes } from '../../src/ledger/tree.js';
import type { ActionView } from '../../src/record/action-view.js';
import { anotherExport } from '../support/another-export.js';
import { startStack, type Stack, type StartedProcess } from '../support/stack.js';
import { until } from '../support/until.js';

const ORIGIN = 'ledger.test/whole';

let stack: Stack;
let notary: StartedProcess;
let agent: CountersignGateway;
let folder: string;
const tokens = new Map<string, string>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-mirror-'));
  // Nobody listens there: what is told stays in the log of deliveries.
  const receiver = { name: 'chat', url: 'http://127.0.0.1:9/', secret: `whsec_${'a'.repeat(32)}` };
  const settings = {
    COUNTERSIGN_LEDGER_ORIGIN: ORIGIN,
    COUNTERSIGN_LEDGER_MIRROR_DIR: folder,
    COUNTERSIGN_WEBHOOKS: JSON.stringify([receiver]),
    COUNTERSIGN_PUBLIC_URL: 'https://countersign.test',
  };
  stack = await startStack({ processes: ['worker', 'executor', 'gateway'], extra: { notary: settings } });
  notary = await stack.start('notary');
  const signer = {
    ...stack.installation.agent.signer,
    agentId: 'export-bot',
    publicKey: stack.installation.agent.publicKey,
  };
  agent = createGatewayAgent({ url: stack.gatewayUrl, signer });
  const { issuer, resource } = inject('services').oidc;
  for (const personId of ['ben', 'erin']) {
    const person = { issuer, clientId: 'countersign-cli', resource, scope: 'openid', personId };
    tokens.set(personId, await signInByDevice(person));
  }
});
afterAll(async () => {
  await stack.close();
  await rm(folder, { recursive: true, force: true });
});

async function isInLedger(envelope: Envelope): Promise<boolean> {
  return (await call('GET', `/v1/ledger/proofs/${payloadDigest(envelope)}`, 'ben')).status === 200;
}

async function call(
  method: string,
  path: string,
  as?: string,
  body?: unknown,
): Promise<{ status: number; bytes: Buffer }> {
  const answer = await fetch(`${stack.gatewayUrl}${path}`, {
    method,
    headers: {
      ...(as !== undefined && { authorization: `Bearer ${tokens.get(as) ?? ''}` }),
      ...(body !== undefined && { 'content-type': 'application/json', 'idempotency-key': `key-${path}` }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: answer.status, bytes: Buffer.from(await answer.arrayBuffer()) };
}

const json = ({ bytes }: { bytes: Buffer }): Record<string, unknown> =>
  JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;

async function waiting(): Promise<ActionView> {
  const params = { target: 'orders', query: 'select id from orders where id < 10', format: 'csv', ...anotherExport() };
  const { actionId } = await agent.request({ operation: 'database.export', params, reason: 'Monthly report' });
  await until(async () => (await agent.get(actionId)).state === 'waiting');
  return agent.get(actionId);
}

const decide = ({ actionId, actionDigest }: ActionView, decision: string, as: string) =>
  call('POST', `/v1/actions/${actionId}/decision`, as, { actionDigest, decision, reason: 'Looked at.' });

const log = () => {
  const keys = stack.installation.keys.keys.filter(({ purpose }) => purpose === 'checkpoint');
  return { origin: ORIGIN, keys: keys.map(({ publicKey }) => ({ name: ORIGIN, publicKey })) };
};

describe('the ledger, served', () => {
  it('proves every statement of an action, with tiles from which anyone makes its root', async () => {
    const action = await waiting();
    await until(async () => (await call('GET', '/ledger/checkpoint', 'ben')).status === 200);
    const kept = (await call('GET', '/ledger/checkpoint', 'ben')).bytes.toString('utf8');
    expect((await decide(action, 'deny', 'ben')).status).toBe(200);
    // The last one tells of the archived history.
    let listed: Record<string, unknown> = {};
    await until(async () => {
      listed = json(await call('GET', `/v1/actions/${action.actionId}/statements`, 'ben'));
      const types = (listed['statements'] as Envelope[]).map((one) => readPayload(one) as { predicateType?: string });
      return types.some(({ predicateType }) => predicateType === predicateTypeOf('archive'));
    });
    const envelopes = listed['statements'] as Envelope[];
    expect(envelopes.length).toBeGreaterThan(4);
    // A page of the newest one, and the next behind it.
    const page = json(await call('GET', '/v1/statements?limit=1', 'ben'));
    const { actionId } = action;
    expect(page).toEqual({ actions: [{ actionId, statements: envelopes }], unreadable: [], next: actionId });
    const behind = json(await call('GET', `/v1/statements?before=${actionId}`, 'ben'));
    expect(behind).toMatchObject({ unreadable: [], next: null });
    expect(JSON.stringify(behind)).not.toContain(actionId);
    expect((await call('GET', '/v1/statements')).status).toBe(401);
    for (const envelope of envelopes) {
      const path = `/v1/ledger/proofs/${payloadDigest(envelope)}`;
      await until(() => isInLedger(envelope));
      const proof = (await call('GET', path, 'ben')).bytes.toString('utf8');
      expect(verifyProof(proof, leafHash(entryOf(envelope)), log())).toMatchObject({ ok: true });
    }
    const authorize = async (): Promise<string> => `Bearer ${tokens.get('ben') ?? ''}`;
    const api = createGatewayApi(createGatewayHttp({ baseUrl: stack.gatewayUrl, authorize }));
    const { agent: asking, keys: keyring } = stack.installation;
    const trust = { actionId: action.actionId, keyring, agentKeys: () => [asking.publicKey], origin: ORIGIN, kept };
    const { checks } = await verifyAction(api, trust);
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(checks.at(-1)?.what).toContain('The ledger goes on from the checkpoint that was kept');
    const note = (await call('GET', '/ledger/checkpoint', 'ben')).bytes.toString('utf8');
    const opened = openCheckpoint(note, ORIGIN, log().keys);
    const { size, root } = opened.ok ? opened.checkpoint : { size: 0, root: new Uint8Array() };
    const get = async (level: number | 'entries') =>
      (await call('GET', `/ledger/${tilePath({ level, index: 0, width: size })}`, 'ben')).bytes;
    const leaves = (decodeBundle(await get('entries')) ?? []).map(leafHash);
    expect(leaves).toHaveLength(size);
    expect(Buffer.from(rootOf(leaves)).toString('hex')).toBe(Buffer.from(root).toString('hex'));
    expect(Buffer.concat(splitHashes(await get(0)))).toEqual(Buffer.concat(leaves));
  });

  it.each([
    ['a tile that no checkpoint covers', '/ledger/tile/0/x001/000', 404],
    ['a tile by another name', '/ledger/tile/00/000', 404],
    ['what is no tile', '/ledger/tile/../checkpoint/..', 404],
    ['a proof of what is not on record', `/v1/ledger/proofs/${'0'.repeat(64)}`, 404],
    ['a proof of nonsense', '/v1/ledger/proofs/x', 400],
  ])('does not serve %s', async (_, path, status) => {
    expect((await call('GET', path, 'ben')).status).toBe(status);
  });

  it.each(['/ledger/checkpoint', '/ledger/tile/0/000.p/1', `/v1/ledger/proofs/${'0'.repeat(64)}`, '/v1/alarms'])(
    'serves %s to nobody who is not signed in',
    async (path) => {
      expect((await call('GET', path)).status).toBe(401);
    },
  );

  it('is mirrored', async () => {
    await until(async () => {
      const note = (await call('GET', '/ledger/checkpoint', 'ben')).bytes.toString('utf8');
      return (await readFile(join(folder, 'checkpoint'), 'utf8').catch(() => '')) === note;
    });
  });
});

describe('a row of the record that was changed', () => {
  it('stops approvals, not denials, until somebody of the group clears the alarm', async () => {
    const [denied, approved, old] = [await waiting(), await waiting(), await waiting()];
    await decide(old, 'deny', 'ben');
    await until(async () => (await agent.get(old.actionId)).state === 'done');
    const listed = json(await call('GET', `/v1/actions/${old.actionId}/statements`, 'ben'));
    for (const envelope of listed['statements'] as Envelope[]) await until(() => isInLedger(envelope));
    await notary.stop();
    await stack.installation.inRecord((admin) =>
      admin.query(
        `begin; set local session_replication_role = replica;
         update countersign.statements set envelope = replace(envelope, '"payload":"ey', '"payload":"eX')
         where kind = 'decision' and action_id = '${old.actionId}'; commit`,
      ),
    );
    // One action that was tampered with hides none of the others from who checks them all.
    const all = json(await call('GET', '/v1/statements', 'ben'));
    expect(all).toMatchObject({ unreadable: [old.actionId], next: null });
    expect(all['actions']).toContainEqual(expect.objectContaining({ actionId: approved.actionId }));
    notary = await stack.start('notary');
    const alarms = async () =>
      json(await call('GET', '/v1/alarms', 'ben'))['alarms'] as { digest: string; code: string }[];
    await until(async () => (await alarms()).length > 0);
    const [alarm] = await alarms();
    expect(alarm).toMatchObject({ code: 'ledger_row_changed', stopsApprovals: true, cleared: null });

    const refused = await decide(approved, 'approve', 'ben');
    expect([refused.status, json(refused)['code']]).toEqual([403, 'alarm_stands']);
    expect(json(refused)['detail']).toContain(`countersign clear ${alarm?.digest ?? ''}`);
    expect((await decide(denied, 'deny', 'ben')).status).toBe(200);

    const clearance = `/v1/alarms/${alarm?.digest ?? ''}/clearance`;
    const reason = { reason: 'A restore test; the row is being put back.' };
    expect(json(await call('POST', clearance, 'ben', reason))['code']).toBe('not_an_approver');
    expect(json(await call('POST', clearance, 'erin', reason))).toMatchObject({
      cleared: { by: { person: 'erin' }, ...reason },
    });
    const answer = await call('POST', `/v1/actions/${approved.actionId}/decision`, 'ben', {
      actionDigest: approved.actionDigest,
      decision: 'approve',
      reason: 'Now.',
    });
    expect(answer.status).toBe(200);

    const scope = { kind: 'operation', operation: 'ssh.command' };
    expect((await call('POST', '/v1/freezes', 'ben', { scope, reason: 'Not today.' })).status).toBe(200);
    const told = async () => {
      const { deliveries } = json(await call('GET', '/v1/webhooks/deliveries', 'ben')) as {
        deliveries: { statement: string | null; event: string }[];
      };
      return deliveries.filter(({ statement }) => statement !== null);
    };
    await until(async () => (await told()).length >= 3);
    const ofAlarm = (await told()).filter(({ statement }) => statement === alarm?.digest).map(({ event }) => event);
    expect(ofAlarm).toEqual(['alarm.cleared', 'alarm.raised']);
    expect((await told()).map(({ event }) => event)).toContain('freeze.put');
  });
});
