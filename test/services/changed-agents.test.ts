import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProcessName } from '../../src/core/schemas/statements.js';
import { operations } from '../../src/operations/catalog.gen.js';
import { packBundle, type LoadedBundle } from '../../src/policy/governed/bundle-document.js';
import { createGovernedPolicy, type GovernedPolicy } from '../../src/policy/governed/governed-policy.js';
import { createKeptBundles } from '../../src/policy/governed/kept-bundles.js';
import { writePointer, writeStoredBundle } from '../../src/policy/governed/policy-store.js';
import { viewAction } from '../../src/record/action-view.js';
import { createRecord, type PostgresRecord } from '../../src/record/postgres-record.js';
import { becomeAll, installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';
import { after, assessHere, authorsTexts, bundleOf, recordChange } from '../support/policy-changes.js';
import { makeKey, newActionId, type TestKey } from '../support/signing.js';
import { makeRequest, type TestRequest } from '../support/statements.js';

/** Keys of `access-bot`, as one bundle after the other lists them; the last one is in none. */
const [first, second, third, stranger] = [1, 2, 3, 4].map(() => makeKey('agent/access-bot')) as [
  TestKey,
  TestKey,
  TestKey,
  TestKey,
];

let installation: TestInstallation;
let processes: Record<ProcessName, TestProcess>;
let mount: string;
let genesis: LoadedBundle;
let bundles: [LoadedBundle, LoadedBundle];
const logged: string[] = [];

beforeAll(async () => {
  installation = await installForTest();
  processes = await becomeAll(installation);
  mount = installation.vault.mounts.policy;
  const texts = await authorsTexts(installation);
  const directory = (texts['directory.yaml'] ?? '').replace(
    /(id: access-bot\n(?:.*\n)*?\s+publicKey: )\S+/,
    `$1${first.publicKey.publicKey}`,
  );
  genesis = bundleOf({ ...texts, 'directory.yaml': directory }, 1, null);
  const middle = withKey(genesis, first, second);
  bundles = [middle, withKey(middle, second, third)];
});
afterAll(async () => {
  await installation.close();
});

function withKey(before: LoadedBundle, old: TestKey, now: TestKey): LoadedBundle {
  return after(before, 'directory.yaml', old.publicKey.publicKey, now.publicKey.publicKey);
}

async function started(): Promise<GovernedPolicy> {
  const { vault, record, pool } = processes.gateway;
  const governed = createGovernedPolicy({
    ...{ process: 'gateway', genesis, vault, mount, record, operations, assess: assessHere, clock: Date.now },
    readAdoptions: () => record.adoptionsOf('gateway'),
    kept: createKeptBundles(pool),
    log: { info: () => undefined, error: (_, message) => logged.push(message) },
  });
  await governed.start();
  return governed;
}

/** Proposes, approves and stores a bundle, as its executor writes it. */
async function putInForce(before: LoadedBundle, next: LoadedBundle): Promise<void> {
  const change = await recordChange(installation, processes, [before, next]);
  const { number, digest } = next.policy.bundle;
  const stored = { number, digest, change, document: packBundle(next.files) };
  await writeStoredBundle(installation.vaultAdmin, { mount }, stored, 0);
  await writePointer(installation.vaultAdmin, { mount }, { number, digest, change }, number - 2);
}

/** The record as a process that follows these changes reads it. */
function readerBy({ agentSigners }: GovernedPolicy): PostgresRecord {
  const { pool } = processes.gateway;
  return createRecord({ pool, process: 'gateway', signers: {}, keyring: () => installation.keys, ...agentSigners });
}

const keysBy = ({ agentSigners }: GovernedPolicy): string[] =>
  agentSigners.agentKeys('access-bot').map(({ publicKey }) => publicKey);
const listed = (...keys: TestKey[]): string[] => keys.map(({ publicKey }) => publicKey.publicKey);

async function ask(record: PostgresRecord, key: TestKey): Promise<TestRequest> {
  const request = await makeRequest(key, { agent: 'access-bot' });
  await record.appendAgentStatement('request', request.actionId, request.envelope);
  return request;
}

async function conclude({ actionId, requestDigest }: TestRequest): Promise<void> {
  const body = {
    ...{ actionDigest: null, lease: 'none' as const, approvers: [], statements: [], closing: true },
    outcome: { status: 'expired' as const, code: 'expired', message: 'Nobody decided.' },
    concludedAtMs: Date.now(),
  };
  await processes.notary.record.append([{ kind: 'receipt', actionId, requestDigest, body }]);
}

describe('an agent whose key was changed', () => {
  let governed: GovernedPolicy;
  let asked: TestRequest;

  it('is read by each key that a bundle in force listed, newest first, and by no other', async () => {
    governed = await started();
    asked = await ask(readerBy(governed), first);
    await conclude(asked);
    await expect(ask(readerBy(governed), second)).rejects.toMatchObject({ code: 'statement_invalid' });

    await putInForce(genesis, bundles[0]);
    await putInForce(...bundles);
    await governed.check();
    expect(keysBy(governed)).toEqual(listed(third, second, first));
    const reader = readerBy(governed);
    for (const key of [second, third]) await ask(reader, key);
    await expect(ask(reader, stranger)).rejects.toMatchObject({ code: 'statement_invalid' });
    expect(viewAction(await reader.ofAction(asked.actionId))).toMatchObject({
      state: 'done',
      outcome: { status: 'expired' },
    });
  });

  it('is read so after a start, also when Vault has lost the bundles', async () => {
    await installation.vaultAdmin.delete(`${mount}/metadata/bundles/2`);
    const again = await started();
    expect(keysBy(again)).toEqual(listed(third, second, first));
    expect(await readerBy(again).ofAction(asked.actionId)).toHaveLength(2);
  });

  it('is read by no key of a bundle that was altered in the database, or that nobody adopted', async () => {
    // Beside the one that was approved.
    const forged = withKey(genesis, first, stranger);
    await createKeptBundles(processes.gateway.pool).keep(2, {
      document: packBundle(forged.files),
      change: newActionId(),
    });
    expect(keysBy(await started())).toEqual(listed(third, second, first));
    // In its place.
    await installation.inRecord(async (client) => {
      await client.query('set session_replication_role = replica');
      const edit = 'update countersign.policy_bundles set document = replace(document, $1, $2) where number = 2';
      const edited = await client.query(edit, listed(second, stranger));
      expect(edited.rowCount).toBe(2);
    });
    const again = await started();
    expect(keysBy(again)).toEqual(listed(third, first));
    expect(logged).toContainEqual(expect.stringMatching(/^Policy bundle 2 .* cannot be read/));
    await expect(ask(readerBy(again), stranger)).rejects.toMatchObject({ code: 'statement_invalid' });
  });

  it('cannot change policy by the key that it had before', async () => {
    const author = makeKey('agent/export-bot');
    const last = bundles[1];
    const renewed = withKey(last, installation.agent, author);
    const again = await started();
    await putInForce(last, renewed);
    await again.check();
    expect(again.inForce().policy.bundle.digest).toBe(renewed.policy.bundle.digest);
    // Approved by people; asked for by whoever has the old key.
    await putInForce(renewed, withKey(renewed, third, stranger));
    await again.check();
    expect(again.inForce().policy.bundle.digest).toBe(renewed.policy.bundle.digest);
    await again.check();
    expect(logged.at(-1)).toContain('ask again');
  });
});
