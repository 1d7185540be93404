import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import type { ProcessName } from '../../src/core/schemas/statements.js';
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
import { becomeAll, installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';
import {
  after,
  assessHere,
  authorsTexts,
  bundleOf,
  recordChange,
  type Texts,
  type Twist,
} from '../support/policy-changes.js';

export let installation: TestInstallation;
export let processes: Record<ProcessName, TestProcess>;
export let texts: Texts;
export let mount: string;
/** Of this test's first bundle: each test goes on above the one before, for no process ever goes back. */
export let number = 1;
export let genesis: LoadedBundle;

/** Sets all of it up: each test has a first bundle of its own. */
export function useGoverned(): void {
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
    newGenesis();
    await installation.vaultAdmin.delete(`${mount}/metadata/current`);
  });
}

/** Pins a first bundle above all that were. */
export function newGenesis(from: Texts = texts): LoadedBundle {
  number += 100;
  return pin(bundleOf(from, number, 'f'.repeat(64)));
}

/** What the processes begin with from now on. */
export function pin(bundle: LoadedBundle): LoadedBundle {
  genesis = bundle;
  return bundle;
}

/** A stricter bundle and a looser one than the one before. */
export const stricter = (before: LoadedBundle): LoadedBundle =>
  after(before, 'database-export.cedar', '@review("dba:1")\n@escalate', '@review("dba:2")\n@escalate');
export const looser = (before: LoadedBundle): LoadedBundle =>
  after(before, 'database-export.cedar', '@review("dba:1 & data-owner:1")', '@review("dba:1")');

export const stricterStill = (before: LoadedBundle): LoadedBundle =>
  after(before, 'database-export.cedar', '@expire("2h")', '@expire("1h")');

export function following(process: ProcessName, change: Partial<GovernedPolicyOptions> = {}): GovernedPolicy {
  const { vault, record, pool } = processes[process];
  return createGovernedPolicy({
    ...{ process, genesis, vault, mount, record, operations, assess: assessHere, clock: Date.now },
    readAdoptions: () => record.adoptionsOf(process),
    kept: createKeptBundles(pool),
    log: { info: () => undefined, error: () => undefined },
    ...change,
  });
}

export async function started(
  process: ProcessName,
  change: Partial<GovernedPolicyOptions> = {},
): Promise<GovernedPolicy> {
  const governed = following(process, change);
  await governed.start();
  return governed;
}

/** As somebody with an editor and a token does. */
export async function editPointer(pointer: Pointer): Promise<void> {
  const { version } = await readPointer(installation.vaultAdmin, { mount });
  await writePointer(installation.vaultAdmin, { mount }, pointer, version);
}
export async function editBundle(
  bundle: LoadedBundle,
  change: string,
  at = bundle.policy.bundle.number,
): Promise<void> {
  const { version } = await readStoredBundle(installation.vaultAdmin, { mount }, at);
  const { digest } = bundle.policy.bundle;
  const stored = { number: at, digest, change, document: packBundle(bundle.files) };
  await writeStoredBundle(installation.vaultAdmin, { mount }, stored, version);
}
/** Both, as the executor writes them. */
export async function store(bundle: LoadedBundle, change: string): Promise<void> {
  await editBundle(bundle, change);
  await editPointer({ ...bundle.policy.bundle, change });
}

export const inForce = (governed: GovernedPolicy): string => governed.inForce().policy.bundle.digest;

/** Sentences of the alarms of one process since it was asked last. */
export async function alarms(code = 'policy_tampered'): Promise<string[]> {
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
export async function look(governed: GovernedPolicy): Promise<void> {
  await governed.check();
  await governed.check();
}

export const change = (pair: readonly [LoadedBundle, LoadedBundle], twist?: Twist): Promise<string> =>
  recordChange(installation, processes, pair, twist);
