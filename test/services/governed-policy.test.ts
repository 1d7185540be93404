import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type LoadedBundle } from '../../src/policy/governed/bundle-document.js';
import { type GovernedPolicy } from '../../src/policy/governed/governed-policy.js';
import { readPointer } from '../../src/policy/governed/policy-store.js';
import { newActionId } from '../support/signing.js';
import { recordRequest } from '../support/statements.js';
import { after, bundleOf, finish, type Twist } from '../support/policy-changes.js';

import {
  alarms,
  change,
  editBundle,
  editPointer,
  genesis,
  inForce,
  installation,
  look,
  looser,
  mount,
  newGenesis,
  number,
  pin,
  processes,
  started,
  store,
  stricter,
  stricterStill,
  texts,
  useGoverned,
} from './governed-harness.js';

useGoverned();

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

  it('a worker that calls it what a rule asks fewer people for, though no process finds that', async () => {
    const cedar = (texts['policy-change.cedar'] ?? '')
      .replace('@review("security:1")', '@review("security:2")')
      .replace('action == Action::"policy.change",\n  resource\n);', (scope) =>
        scope.replace(';', '\nwhen { !context.flags.contains("policy_tightened") };'),
      )
      .replace(
        '@id("policy-loosened")\n@review("security:2")',
        '@id("policy-loosened")\n@review("platform:1 & security:2")',
      );
    const lenient = `@id("policy-tightened")
      @review("security:1") @expire("3d") @lease("2m")
      permit (principal in AgentGroup::"policy-authors", action == Action::"policy.change", resource)
      when { context.flags.contains("policy_tightened") };`;
    newGenesis({ ...texts, 'policy-change.cedar': `${cedar}\n${lenient}\n` });
    const governed = await started('gateway');
    const reworded = after(genesis, 'database-export.cedar', '@id("', '// In other words.\n@id("');
    const flags: Twist['flags'] = [{ code: 'policy_tightened', severity: 'info', sentence: 'It tightens policy.' }];
    await store(reworded, await change([genesis, reworded], { approvers: ['erin'], flags }));
    await expectNoChange(governed, /demand more/);
    // The same by two, as the rule for it asks.
    await store(reworded, await change([genesis, reworded], { approvers: ['erin', 'fay'], flags: [] }));
    await look(governed);
    expect(inForce(governed)).toBe(reworded.policy.bundle.digest);
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
    pinned = newGenesis();
    [first, own] = [stricter(pinned), looser(stricter(pinned))];
    was = await change([pinned, first]);
    by = await change([first, own]);
  });
  beforeEach(async () => {
    pin(pinned);
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
