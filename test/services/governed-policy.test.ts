import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { followPolicyChanges } from '../../apps/policy-changes.js';
import type { CommonConfig } from '../../src/config/common.js';
import type { ProcessName } from '../../src/core/schemas/statements.js';
import { digestOf } from '../../src/core/json.js';
import { operations } from '../../src/operations/catalog.gen.js';
import { packBundle, type LoadedBundle } from '../../src/policy/governed/bundle-document.js';
import {
  createGovernedPolicy,
  type GovernedPolicy,
  type GovernedPolicyOptions,
} from '../../src/policy/governed/governed-policy.js';
import { createKeptBundles } from '../../src/policy/governed/kept-bundles.js';
import {
  readPointer,
  readStoredBundle,
  writePointer,
  writeStoredBundle,
  type Pointer,
} from '../../src/policy/governed/policy-store.js';
import { createRecord } from '../../src/record/postgres-record.js';
import { createTransitSigner } from '../../src/vault/transit-signer.js';
import { becomeAll, installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';
import { newActionId } from '../support/signing.js';
import { recordRequest } from '../support/statements.js';
import {
  after,
  assessHere,
  authorsTexts,
  bundleOf,
  finish,
  recordChange,
  type Texts,
  type Twist,
} from '../support/policy-changes.js';

let installation: TestInstallation;
let processes: Record<ProcessName, TestProcess>;
let texts: Texts;
let mount: string;
/** Of this test's first bundle: each test goes on above the one before, for no process ever goes back. */
let number = 1;
let genesis: LoadedBundle;

beforeAll(async () => {
  installation = await installForTest();
  processes = await becomeAll(installation);
  texts = await authorsTexts(installation);
  mount = installation.vault.mounts.policy;
});
afterAll(async () => {
  await installation.close();
});
beforeEach(async () => {
  number += 100;
  genesis = bundleOf(texts, number, 'f'.repeat(64));
  await installation.vaultAdmin.delete(`${mount}/metadata/current`);
});

/** A stricter bundle and a looser one than the one before. */
const stricter = (before: LoadedBundle): LoadedBundle =>
  after(before, 'database-export.cedar', '@review("dba:1")\n@escalate', '@review("dba:2")\n@escalate');
const looser = (before: LoadedBundle): LoadedBundle =>
  after(before, 'database-export.cedar', '@review("dba:1 & data-owner:1")', '@review("dba:1")');

const stricterStill = (before: LoadedBundle): LoadedBundle =>
  after(before, 'database-export.cedar', '@expire("2h")', '@expire("1h")');

function following(process: ProcessName, change: Partial<GovernedPolicyOptions> = {}): GovernedPolicy {
  const { vault, record, pool } = processes[process];
  return createGovernedPolicy({
    ...{ process, genesis, vault, mount, record, operations, assess: assessHere, clock: Date.now },
    readAdoptions: () => record.adoptionsOf(process),
    kept: createKeptBundles(pool),
    log: { info: () => undefined, error: () => undefined },
    ...change,
  });
}

async function started(process: ProcessName, change: Partial<GovernedPolicyOptions> = {}): Promise<GovernedPolicy> {
  const governed = following(process, change);
  await governed.start();
  return governed;
}

/** As somebody with an editor and a token does. */
async function editPointer(pointer: Pointer): Promise<void> {
  const { version } = await readPointer(installation.vaultAdmin, { mount });
  await writePointer(installation.vaultAdmin, { mount }, pointer, version);
}
async function editBundle(bundle: LoadedBundle, change: string, at = bundle.policy.bundle.number): Promise<void> {
  const { version } = await readStoredBundle(installation.vaultAdmin, { mount }, at);
  const { digest } = bundle.policy.bundle;
  const stored = { number: at, digest, change, document: packBundle(bundle.files) };
  await writeStoredBundle(installation.vaultAdmin, { mount }, stored, version);
}
/** Both, as the executor writes them. */
async function store(bundle: LoadedBundle, change: string): Promise<void> {
  await editBundle(bundle, change);
  await editPointer({ ...bundle.policy.bundle, change });
}

const inForce = (governed: GovernedPolicy): string => governed.inForce().policy.bundle.digest;

/** Sentences of the alarms of one process since it was asked last. */
async function alarms(code = 'policy_tampered'): Promise<string[]> {
  return installation.inRecord(async (client) => {
    const { rows } = await client.query<{ envelope: string; key: string }>(
      `select envelope, key from countersign.statements where kind = 'alarm' and key like $1 order by sequence`,
      [`%/${code}/%`],
    );
    return rows.map(({ envelope }) => {
      const { payload } = JSON.parse(envelope) as { payload: string };
      const statement = JSON.parse(Buffer.from(payload, 'base64').toString()) as {
        predicate: { body: { sentence: string; severity: string; stopsApprovals: boolean } };
      };
      expect(statement.predicate.body).toMatchObject({ severity: 'critical', stopsApprovals: false });
      return statement.predicate.body.sentence;
    });
  });
}

/** Two looks: one alone may be a change that is under way. */
async function look(governed: GovernedPolicy): Promise<void> {
  await governed.check();
  await governed.check();
}

const change = (pair: readonly [LoadedBundle, LoadedBundle], twist?: Twist): Promise<string> =>
  recordChange(installation, processes, pair, twist);

describe('an approved change of policy', () => {
  it('is taken by each process for itself, one after the other, without a start and with no alarm', async () => {
    const before = (await alarms()).length;
    const all = await Promise.all([started('gateway'), started('notary')]);
    expect(all.map(inForce)).toEqual(all.map(() => genesis.policy.bundle.digest));
    const [second, third] = [stricter(genesis), looser(stricter(genesis))];
    await store(second, await change([genesis, second], { approvers: ['erin'] }));
    await store(third, await change([second, third]));
    for (const governed of all) await look(governed);
    expect(all.map(inForce)).toEqual(all.map(() => third.policy.bundle.digest));
    expect((await alarms()).length).toBe(before);
  });

  it('is waited for while the executor is at it, without an alarm', async () => {
    const before = (await alarms()).length;
    const governed = await started('gateway');
    const next = stricter(genesis);
    const actionId = await change([genesis, next], { executor: 'began' });
    await store(next, actionId);
    await look(governed);
    expect(inForce(governed)).toBe(genesis.policy.bundle.digest);
    const [request] = await processes.gateway.record.ofAction(actionId);
    const requestDigest = request?.statement.subject[0].digest.sha256 ?? '';
    await finish(processes.executor.record, { actionId, requestDigest }, 'succeeded');
    await look(governed);
    expect(inForce(governed)).toBe(next.policy.bundle.digest);
    expect((await alarms()).length).toBe(before);
  });

  it('is not waited for for ever: whoever writes to the store meanwhile would raise no alarm', async () => {
    const governed = await started('gateway', { clock: () => Date.now() + 3_600_000 });
    const next = stricter(genesis);
    await store(next, await change([genesis, next], { executor: 'began' }));
    const before = (await alarms()).length;
    await look(governed);
    expect((await alarms()).slice(before)).toEqual([expect.stringMatching(/never said that it put it in force/)]);
  });

  it('stays in force over a restart, also when Vault has lost it', async () => {
    const next = stricter(genesis);
    await store(next, await change([genesis, next]));
    await started('worker');
    await installation.vaultAdmin.delete(`${mount}/metadata/current`);
    await installation.vaultAdmin.delete(`${mount}/metadata/bundles/${String(number + 1)}`);
    expect(inForce(await started('worker'))).toBe(next.policy.bundle.digest);
    // One that has never seen it decides it again, from the record alone.
    expect(inForce(await started('notary'))).toBe(next.policy.bundle.digest);
  });

  it('stays in force while Vault or the record is away', async () => {
    const next = stricter(genesis);
    await store(next, await change([genesis, next]));
    let isAway = false;
    const { vault } = processes.gateway;
    const read = (path: string) => (isAway ? Promise.reject(new Error('away')) : vault.read(path));
    const governed = await started('gateway', { vault: { read } });
    isAway = true;
    await expect(governed.check()).rejects.toThrow('away');
    expect(inForce(governed)).toBe(next.policy.bundle.digest);
  });
});

describe('a freeze that two people lifted', () => {
  it('stays lifted when one of them leaves the group, in every process that judged by the bundle of then', async () => {
    const next = after(genesis, 'directory.yaml', 'security: [erin, fay]', 'security: [erin, gus]');
    await store(next, await change([genesis, next]));
    const mayUnfreeze = (governed: GovernedPolicy) =>
      ['erin', 'fay', 'gus', 'ben'].filter((person) => governed.inForce().policy.directory.mayUnfreeze(person, null));
    expect(mayUnfreeze(await started('executor'))).toEqual(['erin', 'fay', 'gus']);
    const last = stricter(next);
    await store(last, await change([next, last]));
    // It begins with the newest.
    expect(mayUnfreeze(await started('executor'))).toEqual(['erin', 'fay', 'gus']);
    expect(next.policy.directory.mayUnfreeze('fay', null)).toBe(false);
  });
});

describe('what nobody approved changes nothing but an alarm', () => {
  it.each<[string, Twist, RegExp]>([
    [
      'no decision, and a receipt signed by a stolen key of the notary',
      { approvers: [], executor: 'never', receipt: true },
      /never began/,
    ],
    ['no decision, and the key of the executor stolen too', { approvers: [], receipt: true }, /do not fill/],
    ['approved by its author’s owner', { approvers: ['erin', 'olivia'] }, /was barred/],
    ['approved by the owner’s other account', { approvers: ['erin', 'olivia-admin'] }, /was barred/],
    ['a loosening, approved by one', { approvers: ['erin'] }, /do not fill/],
    ['a loosening, approved by one person twice', { approvers: ['erin', 'erin'] }, /do not fill/],
    ['a loosening that a stolen worker calls a tightening', { approvers: ['erin'], flags: [] }, /demand more/],
    ['judged by rules that this release does not know', { rules: 2 }, /rules that this release does not know/],
    ['denied after it was approved', { withdrawn: true }, /denied the action/],
    ['approved, and never run', { executor: 'never', receipt: true }, /never began/],
    ['approved, and another got there first', { executor: 'failed' }, /did not put it in force/],
    ['approved for another number', { asks: { number: 7 } }, /asked for something else/],
    ['approved for another bundle', { asks: { digest: 'a'.repeat(64) } }, /asked for something else/],
    ['approved behind another bundle', { asks: { previous: 'a'.repeat(64) } }, /asked for something else/],
  ])('%s', async (_, twist, why) => {
    const governed = await started('gateway');
    const next = looser(genesis);
    await store(next, await change([genesis, next], twist));
    await expectNoChange(governed, why);
    // And it is no other after a restart.
    expect(inForce(await started('gateway'))).toBe(genesis.policy.bundle.digest);
  });

  it.each<[string, (next: LoadedBundle) => Promise<[LoadedBundle, string]>, RegExp]>([
    [
      'decisions of another change',
      async (next) => [stricter(genesis), await change([genesis, next])],
      /asked for something else/,
    ],
    ['an action that nobody ever asked for', (next) => Promise.resolve([next, newActionId()]), /No signed request/],
    [
      'decisions of an export',
      async (next) => [next, (await recordRequest(processes.gateway.record, installation.agent)).actionId],
      /no change of policy/,
    ],
    [
      'another number in the bundle itself',
      async (next) => {
        const own = Object.fromEntries([...next.files].map(([name, { text }]) => [name, text]));
        const skipped = bundleOf(own, number + 2, genesis.policy.bundle.digest);
        const asks = { digest: skipped.policy.bundle.digest };
        return [skipped, await change([genesis, next], { asks })];
      },
      /another place in the chain/,
    ],
  ])('%s', async (_, make, why) => {
    const governed = await started('executor');
    const [bundle, actionId] = await make(looser(genesis));
    await editBundle(bundle, actionId, number + 1);
    await editPointer({ ...bundle.policy.bundle, change: actionId });
    await expectNoChange(governed, why);
  });

  async function expectNoChange(governed: GovernedPolicy, why: RegExp): Promise<void> {
    const before = await alarms();
    await look(governed);
    expect(inForce(governed)).toBe(genesis.policy.bundle.digest);
    const raised = (await alarms()).slice(before.length);
    expect(raised).toHaveLength(1);
    expect(raised[0]).toMatch(why);
  }
});

describe('an edit by hand changes nothing but an alarm', () => {
  let own: LoadedBundle;
  let first: LoadedBundle;
  let by: string;
  let was: string;
  let governed: GovernedPolicy;
  let pinned: LoadedBundle;

  beforeAll(async () => {
    number += 100;
    pinned = bundleOf(texts, number, 'f'.repeat(64));
    [first, own] = [stricter(pinned), looser(stricter(pinned))];
    was = await change([pinned, first]);
    by = await change([first, own]);
  });
  beforeEach(async () => {
    genesis = pinned;
    await editBundle(first, was);
    await editBundle(own, by);
    await installation.vaultAdmin.delete(`${mount}/metadata/bundles/${String(own.policy.bundle.number + 1)}`);
    await editPointer({ ...own.policy.bundle, change: by });
    governed = await started('worker');
    await look(governed);
  });

  const deleteData = async (path: string): Promise<void> => {
    await installation.vaultAdmin.delete(`${mount}/data/${path}`);
  };
  it.each<[string, () => Promise<void>, RegExp]>([
    [
      'an older valid bundle is pointed to',
      () => editPointer({ ...first.policy.bundle, change: was }),
      /current" names bundle/,
    ],
    [
      'the pointer names another digest',
      () => editPointer({ ...own.policy.bundle, digest: 'a'.repeat(64), change: by }),
      /current" names bundle/,
    ],
    ['the pointer is gone', () => deleteData('current'), /"current" is gone/],
    [
      'the pointer is no pointer',
      async () => {
        const { version } = await readPointer(installation.vaultAdmin, { mount });
        const data = { options: { cas: version }, data: { number: 'all' } };
        await installation.vaultAdmin.write(`${mount}/data/current`, data);
      },
      /cannot be read/,
    ],
    ['the bundle is another', () => editBundle(first, by, own.policy.bundle.number), /is another now/],
    ['the bundle is gone', () => deleteData(`bundles/${String(own.policy.bundle.number)}`), /is gone/],
    ['the next one is there, and pointed to', () => store(stricterStill(own), by), /put in by no approved change/],
  ])('%s', async (_, edit, says) => {
    const before = await alarms();
    await edit();
    await look(governed);
    await look(governed);
    expect(inForce(governed)).toBe(own.policy.bundle.digest);
    const raised = (await alarms()).slice(before.length);
    expect(raised).toHaveLength(1);
    expect(raised[0]).toMatch(says);
    // Nor after a start.
    expect(inForce(await started('worker'))).toBe(own.policy.bundle.digest);
  });
});

describe('a process that starts', () => {
  it('does not go back behind what it has judged by, but refuses to start', async () => {
    const next = stricter(genesis);
    await store(next, await change([genesis, next]));
    await started('gateway');
    await installation.vaultAdmin.delete(`${mount}/metadata/bundles/${String(number + 1)}`);
    const nothingKept = { find: () => Promise.resolve([]), keep: () => Promise.resolve() };
    await expect(following('gateway', { kept: nothingKept }).start()).rejects.toThrow(/does not start/);
  });

  it('says aloud that configuration pins another first bundle', async () => {
    await started('gateway');
    const before = (await alarms('policy_genesis_changed')).length;
    const recovery = bundleOf(texts, number + 1, genesis.policy.bundle.digest);
    expect(inForce(await started('gateway', { genesis: recovery }))).toBe(recovery.policy.bundle.digest);
    await started('gateway', { genesis: recovery });
    expect((await alarms('policy_genesis_changed')).length).toBe(before + 1);
    // And the one before it is behind.
    await expect(following('gateway').start()).rejects.toThrow(/does not start/);
  });

  it('believes no adoption that is signed by another process’s key', async () => {
    const next = stricter(genesis);
    await editBundle(next, newActionId());
    const { gateway, notary } = processes;
    const signer = await createTransitSigner({
      client: notary.vault,
      mount: installation.vault.mounts.transit,
      purpose: 'receipt',
    });
    // Whoever stole the notary's key, and the gateway's place in the database.
    const { keys } = installation;
    const verifiers = { keyring: () => keys, agentKeys: () => [] };
    const thief = createRecord({ pool: gateway.pool, process: 'gateway', signers: { receipt: signer }, ...verifiers });
    const { number: at, digest } = next.policy.bundle;
    const body = {
      ...{ number: at, digest, previous: next.previous, genesis: genesis.policy.bundle.digest },
      ...{ change: newActionId(), adoptedAtMs: Date.now() },
    };
    await thief.append([{ kind: 'adoption', actionId: null, requestDigest: digestOf(body), body }]);
    const before = await alarms();
    expect(inForce(await started('gateway'))).toBe(genesis.policy.bundle.digest);
    expect((await alarms()).slice(before.length)).toEqual([expect.stringMatching(/not believed/)]);
  });

  it('does not quietly go back to the pinned bundle when the store is taken out of its configuration', async () => {
    await started('gateway');
    const { vault, record, pool } = processes.gateway;
    const start = (pinned: LoadedBundle) =>
      followPolicyChanges({} as CommonConfig, {
        ...{ process: 'gateway', policy: pinned.policy, vault, pool, record, clock: Date.now },
        logger: pino({ level: 'silent' }),
        use: () => undefined,
      });
    await expect(start(bundleOf(texts, number - 1, 'e'.repeat(64)))).rejects.toThrow(/COUNTERSIGN_POLICY_MOUNT/);
    // One that goes on from there is pinned deliberately.
    expect(await start(bundleOf(texts, number + 1, genesis.policy.bundle.digest))).toBeNull();
  });

  it('refuses a pinned bundle whose number was in force already', async () => {
    await started('gateway');
    const behind = bundleOf(texts, number - 1, 'e'.repeat(64));
    await expect(following('gateway', { genesis: behind }).start()).rejects.toThrow(/was in force already/);
  });
});
