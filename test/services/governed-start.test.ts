import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { followPolicyChanges } from '../../apps/policy-changes.js';
import type { CommonConfig } from '../../src/config/common.js';
import type { ProcessName } from '../../src/core/schemas/statements.js';
import { seal } from '../../src/core/dsse.js';
import { digestOf } from '../../src/core/json.js';
import { buildStatement } from '../../src/core/statement.js';
import { type LoadedBundle } from '../../src/policy/governed/bundle-document.js';
import { type GovernedPolicy } from '../../src/policy/governed/governed-policy.js';
import { createRecord } from '../../src/record/postgres-record.js';
import { createTransitSigner } from '../../src/vault/transit-signer.js';
import { plantStatement } from '../adversarial/plant.js';
import { makeKey, newActionId } from '../support/signing.js';
import { after, bundleOf } from '../support/policy-changes.js';

import {
  alarms,
  change,
  editBundle,
  following,
  genesis,
  inForce,
  installation,
  mount,
  number,
  processes,
  started,
  store,
  stricter,
  texts,
  useGoverned,
} from './governed-harness.js';

useGoverned();

describe('a freeze that two people lifted', () => {
  it('stays lifted when one of them leaves the group, in every process that judged by the bundle of then', async () => {
    const next = after(
      genesis,
      'directory.yaml',
      'incident-lead: [dave, erin, fay]',
      'incident-lead: [dave, erin, gus]',
    );
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
    const start = (pinned: LoadedBundle) => withoutStore('gateway', pinned);
    await expect(start(bundleOf(texts, number - 1, 'e'.repeat(64)))).rejects.toThrow(/COUNTERSIGN_POLICY_MOUNT/);
    // One that goes on from there is pinned deliberately.
    expect(await start(bundleOf(texts, number + 1, genesis.policy.bundle.digest))).toBeNull();
  });

  it('refuses a pinned bundle whose number was in force already', async () => {
    await started('gateway');
    const behind = bundleOf(texts, number - 1, 'e'.repeat(64));
    await expect(following('gateway', { genesis: behind }).start()).rejects.toThrow(/was in force already/);
  });

  // Last: what is planted stays.
  it.each<['with' | 'without', () => Promise<unknown>]>([
    ['with', () => following('notary').start()],
    ['without', () => withoutStore('notary', genesis)],
  ])('does not start beside a forged adoption of its own, %s a store', async (_, start) => {
    const body = {
      ...{ number: 1, digest: 'a'.repeat(64), previous: null, genesis: 'a'.repeat(64) },
      ...{ change: null, adoptedAtMs: Date.now() },
    };
    const chain = { process: 'notary' as const, number: 1, previous: '0'.repeat(64) };
    const statement = buildStatement('adoption', { actionId: null, requestDigest: digestOf(body), body, chain });
    const [envelope] = await seal([statement], makeKey('receipt/1').signer);
    if (envelope === undefined) throw new Error('nothing was sealed');
    await plantStatement({ installation }, { kind: 'adoption', actionId: null, envelope, process: 'notary' });
    await expect(start()).rejects.toMatchObject({ code: 'statement_invalid' });
  });
});

/** Starts a process whose configuration pins a bundle and names no store. */
function withoutStore(process: ProcessName, pinned: LoadedBundle): ReturnType<typeof followPolicyChanges> {
  const { vault, record, pool } = processes[process];
  return followPolicyChanges({} as CommonConfig, {
    ...{ process, policy: pinned.policy, vault, pool, record, clock: Date.now },
    logger: pino({ level: 'silent' }),
    use: () => undefined,
  });
}
