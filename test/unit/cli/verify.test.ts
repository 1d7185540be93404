import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCredentialStore } from '../../../apps/cli/credentials.js';
import { payloadDigest, seal, type Envelope } from '../../../src/core/dsse.js';
import { digestOf } from '../../../src/core/json.js';
import { sealKeyring } from '../../../src/core/keyring.js';
import type { ActionSnapshot } from '../../../src/core/schemas/action.js';
import type { StatementBody, StatementKind } from '../../../src/core/schemas/statements.js';
import { Secret } from '../../../src/core/secret.js';
import { buildStatement } from '../../../src/core/statement.js';
import { ledgerOver, ORIGIN, type LedgerOptions } from '../../support/evidence.js';
import { agentKey as agent, keyring, keys } from '../../support/signed-action.js';
import { makeKey, type TestKey } from '../../support/signing.js';
import { NOW_MS, waitingAction } from './action-fixture.js';
import { startLocalGateway, type LocalGateway } from './local-gateway.js';
import { run, type Ran } from './run.js';

const { request, actionId, plan } = waitingAction();
if (plan === null) throw new Error('the fixture has a plan');
const requestDigest = digestOf(request);
const root = makeKey('root/1');

const digest = (digit: string): string => digit.repeat(64);
const snapshot: ActionSnapshot = {
  actionId,
  operation: request.operation,
  params: request.params,
  agent: request.agent,
  fingerprint: digest('2'),
  previewDigest: digest('3'),
  planDigest: digestOf(plan),
  leaseRole: 'orders-export',
  expiresAtMs: NOW_MS + 1_000,
};
const actionDigest = digestOf(snapshot);

async function state<K extends StatementKind>(kind: K, body: StatementBody<K>, key: TestKey): Promise<Envelope> {
  const chain = key === agent ? null : { process: 'worker' as const, number: 1, previous: digest('0') };
  const [envelope] = await seal([buildStatement(kind, { actionId, requestDigest, body, chain })], key.signer);
  if (envelope === undefined) throw new Error('nothing was sealed');
  return envelope;
}

const planBody = (change: Partial<StatementBody<'plan'>> = {}): StatementBody<'plan'> => ({
  round: 1,
  policy: { digest: digest('3'), number: 1 },
  plan,
  barred: [],
  snapshot,
  actionDigest,
  reopened: null,
  openedAtMs: NOW_MS,
  ...change,
});

const approval = async (person: string, key = keys.decision, named = actionDigest): Promise<Envelope> =>
  state(
    'decision',
    {
      round: 1,
      actionDigest: named,
      runId: 'run-1',
      decision: 'approve',
      reason: '',
      approver: { person, groups: ['dba'] },
      via: { channel: 'api', subject: person, eventId: person },
      decidedAtMs: NOW_MS,
    },
    key,
  );

const effect = async (): Promise<Envelope> =>
  state('effect', { actionDigest, step: 'main', attempt: 1, startedAtMs: NOW_MS }, keys.executor);

/** A receipt over what is there, then all of it. */
async function withReceipt(envelopes: Envelope[]): Promise<Envelope[]> {
  const outcome = { status: 'succeeded' as const, code: 'exported', message: 'Done.' };
  const statements = envelopes.map(payloadDigest);
  const body = {
    actionDigest,
    outcome,
    lease: 'revoked' as const,
    approvers: [],
    statements,
    closing: true,
    concludedAtMs: NOW_MS,
  };
  return [...envelopes, await state('receipt', body, keys.receipt)];
}

const story = async (): Promise<Envelope[]> => [
  await state('request', request, agent),
  await state('plan', planBody(), keys.worker),
  await approval('dora'),
  await approval('dave'),
  await effect(),
];

let gateway: LocalGateway;
let folder: string;

beforeEach(async () => {
  gateway = await startLocalGateway({ agents: [agent.publicKey], acceptsPerson: async () => true });
  folder = await mkdtemp(join(tmpdir(), 'countersign-verify-'));
  const store = createCredentialStore(join(folder, 'countersign', 'credentials.json'));
  await store.save(gateway.url, {
    accessToken: new Secret('t'),
    expiresAtMs: NOW_MS + 1,
    issuer: 'https://id.example.com',
  });
  await writeFile(join(folder, 'keyring.json'), JSON.stringify(await sealKeyring(keyring, root.signer)));
});

afterEach(async () => {
  await gateway.stop();
  await rm(folder, { recursive: true });
});

/** Serves a ledger in which these statements stand. @returns its checkpoint, in a file. */
async function serveLedger(statements: readonly Envelope[], by: LedgerOptions = {}): Promise<string> {
  const { checkpoint, entries, leaves } = await ledgerOver(keys.checkpoint, statements, by);
  for (const { envelope, proof } of entries) gateway.proofs.set(payloadDigest(envelope), proof);
  gateway.tiles.set(`tile/0/000.p/${String(leaves.length)}`, Buffer.concat(leaves));
  const file = join(folder, `${String(leaves.length)}-${by.others ?? ''}.checkpoint`);
  await writeFile(file, checkpoint);
  return file;
}

async function verify(statements: Envelope[], change: string[] = []): Promise<Ran> {
  if (gateway.tiles.size === 0) await serveLedger(statements);
  gateway.statements.set(actionId, statements);
  const given = ['--root', root.publicKey.publicKey, '--keyring', join(folder, 'keyring.json')];
  const environment = { COUNTERSIGN_GATEWAY_URL: gateway.url, XDG_CONFIG_HOME: folder };
  const key = change.includes('--policy') ? [] : ['--agent-public-key', agent.publicKey.publicKey];
  return run(['verify', actionId, ...given, ...key, ...change], { environment });
}

const LIES: [what: string, complaint: string, tell: () => Promise<Envelope[]>][] = [
  ['no statements at all', '✗ The request is among them', async () => []],
  [
    'a decision signed by the worker',
    'Statement 3: A statement is not valid: its envelope does not verify (key_unknown)',
    async () => [...(await story()).slice(0, 2), await approval('dora', keys.worker)],
  ],
  [
    'a payload that was changed',
    'signature_invalid',
    async () => {
      const [first, ...others] = await story();
      const payload = Buffer.from(first?.payload ?? '', 'base64')
        .toString()
        .replace('4711', '4712');
      return [{ ...(first as Envelope), payload: Buffer.from(payload).toString('base64') }, ...others];
    },
  ],
  [
    'a plan that names another digest than its own',
    '✗ Each plan names the digest',
    async () => [
      ...(await story()).slice(0, 1),
      await state('plan', planBody({ actionDigest: digest('9') }), keys.worker),
    ],
  ],
  [
    'an approval of something else',
    '✗ Decisions, claim and effect name a digest that was shown',
    async () => [...(await story()), await approval('erin', keys.decision, digest('9'))],
  ],
  [
    'one person who fills two places',
    '✗ It ran, and its plan was filled by distinct people',
    async () => [...(await story()).slice(0, 3), await approval('dora'), await effect()],
  ],
  [
    'a lease whose end nobody proved',
    '✗ 1 leases without a proven end',
    async () => [
      ...(await story()),
      await state(
        'lease',
        { purpose: 'execute', accessor: 'a', tokenRole: 'r', ttlSeconds: 60, runId: 'run-1', leasedAtMs: NOW_MS },
        keys.executor,
      ),
    ],
  ],
  [
    'a statement that is kept back',
    '✗ 1 statements that the receipt lists were not handed out',
    async () => (await withReceipt(await story())).toSpliced(3, 1),
  ],
];

describe('verify', () => {
  it('finds that a true story holds', async () => {
    const { exitCode, stdout } = await verify(await withReceipt(await story()));
    expect(stdout).toContain('✓ 6 of 6 statements are signed by a key that may say so');
    expect(stdout).toContain('All that the gateway handed out holds.');
    expect(exitCode).toBe(0);
  });

  it.each(LIES)('does not pass over %s', async (_what, complaint, tell) => {
    const { exitCode, stdout } = await verify(await tell());
    expect(stdout.replace(/\n +/g, ' ')).toContain(complaint);
    expect(stdout).toContain('It does not hold.');
    expect(exitCode).toBe(3);
  });

  it('says what is proven by the ledger, and what is not', async () => {
    const told = await withReceipt(await story());
    const kept = await serveLedger(told.slice(0, 2));
    await serveLedger(told);
    const { exitCode, stdout } = await verify(told, ['--origin', ORIGIN, '--checkpoint', kept]);
    const said = stdout.replace(/\n +/g, ' ');
    expect(said).toMatch(
      /✓ 6 of 6 statements are proven to be in the ledger, in this order.*✓ It is the ledger ledger\.example/s,
    );
    expect(said).toContain('✓ The ledger goes on from the checkpoint that was kept, of 5 entries');
    expect(said).toMatch(/Not proven:\n- That the gateway handed out all there is/);
    expect(exitCode).toBe(0);
    const open = (await verify(told)).stdout.replace(/\n +/g, ' ');
    expect(open).toMatch(/give a checkpoint that you kept, by --checkpoint.*give its name by --origin/s);
  });

  it.each<[what: string, complaint: RegExp, serve: (told: Envelope[]) => Promise<string[]>]>([
    [
      'a statement that is not in the ledger',
      /✗ 1 of the statements are not in the ledger/,
      async (told) => {
        await serveLedger(told.slice(0, -1));
        return [];
      },
    ],
    [
      'the proof of another statement',
      /✗ Statement 4: its proof does not hold \(proof_invalid\)/,
      async (told) => {
        await serveLedger(told);
        const [, , third, fourth] = told.map(payloadDigest);
        gateway.proofs.set(fourth ?? '', gateway.proofs.get(third ?? '') ?? '');
        return [];
      },
    ],
    [
      'a ledger that another key signed',
      /✗ The checkpoint is not a signed note of the ledger by a checkpoint key/,
      async (told) => {
        await serveLedger(told, { signer: keys.receipt });
        return [];
      },
    ],
    [
      'a ledger of another name',
      /✗ This is of the ledger ledger\.example\S+, not of ledger\.elsewhere/,
      async (told) => {
        await serveLedger(told);
        return ['--origin', 'ledger.elsewhere'];
      },
    ],
    [
      'proofs of two ledgers',
      /✗ The proofs are of different ledgers/,
      async (told) => {
        await serveLedger(told);
        await serveLedger(told.slice(0, 3), { others: 'fork' });
        return [];
      },
    ],
    [
      'a ledger that does not go on from what was kept',
      /✗ The ledger was forked/,
      async (told) => {
        const kept = await serveLedger(told.slice(0, 3), { others: 'fork' });
        await serveLedger(told);
        return ['--checkpoint', kept];
      },
    ],
    [
      'a ledger that was cut off',
      /✗ The ledger is cut off: it had 9 entries/,
      async (told) => {
        const kept = await serveLedger(told);
        gateway.proofs.clear();
        await serveLedger(told.slice(0, 4));
        return ['--checkpoint', kept];
      },
    ],
  ])('does not take %s', async (_what, complaint, serve) => {
    const told = await withReceipt(await story());
    const change = await serve(told);
    const { exitCode, stdout } = await verify(told, change);
    expect(stdout.replace(/\n +/g, ' ')).toMatch(complaint);
    expect(exitCode).toBe(3);
  });

  it.each<[what: string, change: () => string[], exitCode: number]>([
    ['a root that did not sign the keyring', () => ['--root', agent.publicKey.publicKey], 3],
    ['a keyring that is not JSON', () => ['--keyring', '/dev/null'], 2],
    ['a bundle that is not there', () => ['--policy', '/nowhere'], 2],
  ])('does not begin with %s', async (_what, change, exitCode) => {
    expect((await verify(await withReceipt(await story()), change())).exitCode).toBe(exitCode);
  });
});
