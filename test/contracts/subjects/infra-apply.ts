import pg from 'pg';
import { expect } from 'vitest';
import { allow } from '../../../apps/devstack/installation/vault-policies/rules.js';
import type { Secret } from '../../../src/core/secret.js';
import { operation } from '../../../src/operations/infra-apply.js';
import { infraTokenUses, type InfraLogin } from '../../../src/operations/infra-apply/login.js';
import type { InfraTarget } from '../../../src/targets/infra.js';
import { providerDatabaseOf, stateDatabaseOf } from '../../../src/targets/infra/witness.js';
import type { PostgresTarget } from '../../../src/targets/postgres.js';
import type { LeasedCredential } from '../../../src/vault/leases.js';
import {
  infraPrograms,
  makeRepository,
  startInfra,
  type InfraFixture,
  type Repository,
  type StateJson,
} from '../../support/infra.js';
import type { TestInstallation } from '../../support/installation.js';
import { startProviderDatabase } from '../../support/provider-database.js';
import { AT_WORK, MOMENT_CASES } from '../moment-cases.js';
import type { FlagCase, StartedSubject, Subject } from '../subject.js';
import { grantLeasing, type TokenRole } from '../vault-rights.js';

const BASE = `
resource "terraform_data" "kept" {
  input = "one"
}
resource "terraform_data" "replaced" {
  triggers_replace = "one"
}
`;
const BEFORE = { 'main.tf': BASE };
const AFTER = { 'main.tf': `${BASE.replace('input = "one"', 'input = "two"')}\nresource "terraform_data" "made" {}\n` };

export const subject: Subject = {
  operation: operation,
  start: (installation) => startNetwork(installation),
};

/** @param sources where configurations may come from, beyond a repository of its own */
export async function startNetwork(
  installation: TestInstallation,
  sources: Partial<Pick<InfraTarget['sources'], 'git' | 'gitLogins'>> = {},
): Promise<StartedSubject> {
  const repository = await makeRepository();
  const inventory = await startProviderDatabase(installation, 'inventory');
  const infra = await startInfra(installation, {
    name: 'network',
    environment: 'production',
    sources: { tarballs: [], ...sources, git: [repository.path, ...(sources.git ?? [])] },
    providerCredentials: { postgres: inventory.credentials },
  });
  const { preview, execute, witness } = infra.paths;
  const { previewTokenRole, executeTokenRole } = infra.target.vault;
  const kept = (sources.gitLogins ?? []).map(({ mount, path }) => `${mount}/data/${path}`);
  const roleOf = (name: string, paths: string[]): TokenRole => ({
    name,
    policy: [...paths, ...kept].map((path) => allow(path, ['read'])).join('\n'),
    leases: paths,
    uses: infraTokenUses(infra.target),
  });
  const revokeRights = await grantLeasing(installation, {
    preview: roleOf(previewTokenRole, [preview, inventory.paths.preview]),
    execute: roleOf(executeTokenRole, [execute, inventory.paths.execute]),
    witness: [witness, inventory.paths.witness].map((path) => allow(path, ['read'])).join('\n'),
  });
  await infra.applyAsAdmin(BEFORE);
  const base = await infra.readState();
  if (base === null) throw new Error('the first apply left no state');
  await repository.commit(BEFORE);
  const params = paramsOf(repository, await repository.commit(AFTER));
  return {
    target: infra.target,
    params,
    badParams: badParamsOf(params),
    flagCases: await flagCasesOf(repository),
    programs: infraPrograms(),
    freshEstimates: ['planSha256'],
    snapshotTarget: async () => resourcesOf(await infra.readState()),
    changeWhatDecides: () => infra.applyAsAdmin({ 'main.tf': BASE.replace('input = "one"', 'input = "other"') }),
    async changeElsewhere() {
      await infra.asAdmin((client) => client.query("insert into workspace.states (name, data) values ('other', '{}')"));
    },
    reset: () => infra.writeState(base),
    countEffects: async () => ((await infra.readState())?.serial ?? 0) - base.serial,
    async undo(result) {
      const { commit } = result['undo'] as { commit: string };
      await infra.applyAsAdmin({ 'main.tf': await repository.git('show', `${commit}:main.tf`) });
    },
    useCredential: (credential) => useAny(infra, credential as LeasedCredential<InfraLogin>),
    async stop() {
      await revokeRights();
      await infra.uninstall();
      await inventory.remove();
      await repository.remove();
    },
  };
}

function paramsOf({ path }: Repository, commit: string) {
  return { target: 'network', source: { kind: 'git', repository: path, commit } };
}

function badParamsOf(params: ReturnType<typeof paramsOf>): StartedSubject['badParams'] {
  const { source } = params;
  const tarball = { kind: 'tarball', sha256: 'a'.repeat(64) };
  return [
    { name: 'an unknown field', params: { ...params, force: true }, field: 'params.force' },
    { name: 'a branch', params: { ...params, source: { ...source, commit: 'main' } }, field: 'params.source.commit' },
    {
      name: 'a repository that is not listed',
      params: { ...params, source: { ...source, repository: '/srv/other' } },
      field: 'params.source.repository',
    },
    {
      name: 'a folder above',
      params: { ...params, source: { ...source, folder: '../other' } },
      field: 'params.source.folder',
    },
    { name: 'a tarball that is not listed', params: { ...params, source: tarball }, field: 'params.source.sha256' },
    {
      name: 'a variable that requests may not set',
      params: { ...params, variables: { region: 'eu' } },
      field: 'params.variables.region',
    },
  ];
}

async function flagCasesOf(repository: Repository): Promise<FlagCase[]> {
  const commit = async (text: string) => paramsOf(repository, await repository.commit({ 'main.tf': text }));
  const cases: FlagCase[] = [
    {
      name: 'one more and one changed, at work',
      nowMs: AT_WORK,
      flags: ['production'],
      not: ['destroy', 'replace', 'iam', 'public_exposure', 'unusual_hour', 'first_time', 'no_change'],
    },
    {
      name: 'one less',
      params: await commit(BASE.slice(0, BASE.indexOf('resource "terraform_data" "replaced"'))),
      flags: ['destroy'],
    },
    {
      name: 'one anew',
      params: await commit(BASE.replace('triggers_replace = "one"', 'triggers_replace = "two"')),
      flags: ['replace'],
      not: ['destroy'],
    },
    {
      name: 'open to everyone',
      params: await commit(BASE.replace('input = "one"', 'input = "0.0.0.0/0"')),
      flags: ['public_exposure'],
    },
    { name: 'nothing', params: await commit(BASE), flags: ['no_change'] },
    ...MOMENT_CASES,
  ];
  return cases;
}

/** What there is, without what only counts writes. */
function resourcesOf(state: StateJson | null) {
  return (state?.resources ?? []).flatMap(({ type, name, instances }) =>
    instances.map(({ attributes }) => ({ name: `${type}.${name}`, attributes: JSON.stringify(attributes) })),
  );
}

/** Before its end each of the two is good; after it, neither. */
async function useAny({ target }: InfraFixture, { username, material }: LeasedCredential<InfraLogin>): Promise<void> {
  const provider = providerDatabaseOf(target);
  if (provider === undefined || material.postgres === undefined) throw new Error('nothing is leased for providers');
  const { password } = material;
  const uses = await Promise.allSettled([
    query(stateDatabaseOf(target), { username, password }, 'select name from workspace.states'),
    query(provider, material.postgres, 'select name from items'),
  ]);
  const refused = uses.filter(({ status }) => status === 'rejected');
  if (refused.length === uses.length) throw new Error('both databases refuse it');
  expect(refused).toEqual([]);
}

async function query(
  { host, port, database }: PostgresTarget,
  { username, password }: { username: string; password: Secret },
  text: string,
): Promise<void> {
  const client = new pg.Client({ host, port, database, user: username, password: password.reveal() });
  client.on('error', () => undefined); // reported by what fails
  try {
    await client.connect();
    await client.query(text);
  } finally {
    await client.end().catch(() => undefined);
  }
}
