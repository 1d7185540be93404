import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import type { JsonObject } from '../../../src/core/json.js';
import { operation } from '../../../src/operations/policy-change.js';
import { readBundleFiles } from '../../../src/policy/bundle-files.js';
import { loadFiles, packBundle, type LoadedBundle } from '../../../src/policy/governed/bundle-document.js';
import { readPointer, readStoredBundle } from '../../../src/policy/governed/policy-store.js';
import { createSourceUploads } from '../../../src/record/postgres-source-uploads.js';
import type { VaultToken } from '../../../src/vault/credentials/token.js';
import { createVaultClient } from '../../../src/vault/client.js';
import type { LeasedCredential } from '../../../src/vault/leases.js';
import { VaultFault } from '../../../src/vault/vault-fault.js';
import { policyStore } from '../../../apps/devstack/installation/policy-store.js';
import { namesOf } from '../../../apps/devstack/installation/names.js';
import type { TestInstallation } from '../../support/installation.js';
import { after, assessHere, authorsTexts, bundleOf } from '../../support/policy-changes.js';
import { until } from '../../support/until.js';
import { AT_WORK, MOMENT_CASES } from '../moment-cases.js';
import type { CrashSubject, StartedSubject, Subject } from '../subject.js';

export const subject: Subject = { operation, start: startStore, startForCrashes };

const EXPORTS = 'database-export.cedar';

async function startStore(installation: TestInstallation): Promise<StartedSubject> {
  const { vaultAdmin, vault } = installation;
  const place = { mount: vault.mounts.policy };
  const { target, uninstall } = await installStore(installation);
  const inForce = bundleOf(await authorsTexts(installation), 1, null);
  const upload = await uploader(installation);
  const asking = (bundle: LoadedBundle): Promise<JsonObject> => paramsOf(bundle, target.name, upload);
  const stricter = after(inForce, EXPORTS, '@review("dba:1")\n@escalate', '@review("dba:2")\n@escalate');
  const looser = after(inForce, EXPORTS, '@review("dba:1 & data-owner:1")', '@review("dba:1")');
  const governing = after(inForce, 'directory.yaml', 'security: [erin, fay]', 'security: [erin, fay, gus]');
  const params = await asking(stricter);
  const wipe = async (path: string): Promise<void> => {
    await vaultAdmin.delete(`${place.mount}/metadata/${path}`);
  };
  const scribble = async (number: number): Promise<void> => {
    const data = { options: { cas: 0 }, data: { by: 'hand' } };
    await vaultAdmin.write(`${place.mount}/data/bundles/${String(number)}`, data);
  };
  return {
    target,
    params,
    host: { governed: { ...place, assess: assessHere, inForce: () => inForce } },
    badParams: [
      { name: 'an unknown field', params: { ...params, force: true }, field: 'params.force' },
      { name: 'the first number', params: { ...params, number: 1 }, field: 'params.number' },
      { name: 'no digest', params: { ...params, digest: 'new' }, field: 'params.digest' },
    ],
    flagCases: [
      {
        name: 'stricter, at work',
        nowMs: AT_WORK,
        flags: ['production', 'policy_tightened'],
        not: ['policy_loosened', 'governance_changed', 'first_time', 'unusual_hour'],
      },
      ...MOMENT_CASES,
      { name: 'looser', params: await asking(looser), flags: ['policy_loosened'], not: ['governance_changed'] },
      {
        name: 'who reviews policy itself',
        params: await asking(governing),
        flags: ['governance_changed', 'policy_loosened', 'approval_rights_changed'],
      },
    ],
    async snapshotTarget() {
      const [pointer, bundle] = [await readPointer(vaultAdmin, place), await readStoredBundle(vaultAdmin, place, 2)];
      return { pointer: pointer.value, bundle: bundle.value, states: [pointer.state, bundle.state] };
    },
    changeWhatDecides: () => scribble(2),
    changeElsewhere: () => scribble(99),
    async reset() {
      for (const path of ['current', 'bundles/2', 'bundles/99']) await wipe(path);
    },
    async countEffects({ actionId }) {
      const { value } = await readPointer(vaultAdmin, place);
      return value?.change === actionId && value.digest === stricter.policy.bundle.digest ? 1 : 0;
    },
    useCredential: (credential) => use(installation, credential as LeasedCredential<VaultToken>),
    stop: uninstall,
  };
}

function installStore({ name, vaultAdmin }: TestInstallation): ReturnType<ReturnType<typeof policyStore>> {
  return policyStore({
    name: 'policy',
    environment: 'production',
    owners: [],
    hours: { timeZone: 'Europe/Berlin', from: 8, to: 18 },
  })({ admin: vaultAdmin, adminUrl: '', names: namesOf(name), maxTtlSeconds: 3_600 });
}

async function paramsOf(
  { policy: { bundle }, files, previous }: LoadedBundle,
  target: string,
  upload: (document: string) => Promise<string>,
): Promise<JsonObject> {
  const content = await upload(packBundle(files));
  return { target, number: bundle.number, previous, digest: bundle.digest, content };
}

/** Each action asks for the bundle behind the one that is in force by then, a little stricter. */
async function startForCrashes(installation: TestInstallation): Promise<CrashSubject> {
  const { vaultAdmin, vault } = installation;
  const place = { mount: vault.mounts.policy };
  const { target, uninstall } = await installStore(installation);
  const texts = await authorsTexts(installation);
  const { targets } = parse(texts['targets.yaml'] ?? '') as { targets: { name: string }[] };
  const own = stringify({ targets: targets.map((each) => (each.name === target.name ? target : each)) });
  const upload = await uploader(installation);
  let proposed: LoadedBundle | undefined;
  let inForce: LoadedBundle | undefined;
  let minutes = 120;
  const isThere = async (): Promise<boolean> => {
    const { value } = await readPointer(vaultAdmin, place);
    return proposed !== undefined && value?.digest === proposed.policy.bundle.digest;
  };
  return {
    // One of its reviewers; enough for what is stricter.
    approver: 'erin',
    settings: { COUNTERSIGN_POLICY_MOUNT: place.mount, COUNTERSIGN_POLICY_POLL_SECONDS: '1' },
    async writeBundle(folder) {
      await mkdir(folder, { recursive: true });
      for (const [name, text] of Object.entries({ ...texts, 'targets.yaml': own }))
        await writeFile(join(folder, name), text);
    },
    async nextParams(policyDir) {
      inForce ??= loadFiles(await readBundleFiles(policyDir), 'of the test');
      if (proposed !== undefined && (await isThere())) {
        inForce = proposed;
        await untilAdopted(installation, inForce);
      }
      minutes -= 1;
      const [old, now] = [/@expire\("(?:2h|1\d\dm)"\)/, `@expire("${String(minutes)}m")`];
      const written = inForce.files.get(EXPORTS)?.text.match(old)?.[0] ?? '';
      proposed = after(inForce, EXPORTS, written, now);
      return paramsOf(proposed, target.name, upload);
    },
    // What was written is what the next one follows.
    reset: () => Promise.resolve(),
    async countEffects({ actionId }) {
      const { value } = await readPointer(vaultAdmin, place);
      return value?.change === actionId && (await isThere()) ? 1 : 0;
    },
    stop: uninstall,
  };
}

/** By the worker, which judges what is proposed next. */
async function untilAdopted({ inRecord }: TestInstallation, { policy: { bundle } }: LoadedBundle): Promise<void> {
  await until(async () =>
    inRecord(async (client) => {
      const text = `select 1 from countersign.statements where kind = 'adoption' and process = 'worker' and key like $1`;
      const { rowCount } = await client.query(text, [`%/${String(bundle.number)}/${bundle.digest}`]);
      return rowCount === 1;
    }),
  );
}

/** Uploads as the suite's agent. @returns the digest of what was uploaded */
async function uploader(installation: TestInstallation): Promise<(document: string) => Promise<string>> {
  const { pool, contents } = await installation.become('gateway');
  const uploads = createSourceUploads({ pool, contents });
  return async (document) => {
    const bytes = new TextEncoder().encode(document);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await uploads.put('export-bot', sha256, bytes);
    return sha256;
  };
}

async function use({ vault }: TestInstallation, { material }: LeasedCredential<VaultToken>): Promise<void> {
  const thief = createVaultClient({ address: vault.address, credential: () => material.vault.token });
  try {
    await thief.read(`${vault.mounts.policy}/data/current`);
  } catch (error) {
    // It may ask, and there is nothing yet.
    if (!(error instanceof VaultFault && error.status === 404)) throw error;
  }
}
