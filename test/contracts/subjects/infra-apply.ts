import pg from 'pg';
import { allow } from '../../../apps/devstack/installation/vault-policies/rules.js';
import { operation } from '../../../src/operations/infra-apply.js';
import type { DatabaseLogin } from '../../../src/vault/credentials/database.js';
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
import type { FlagCase, StartedSubject, Subject } from '../subject.js';
import { grantLeasing } from '../vault-rights.js';

// A Wednesday, at noon and at half past two at night in Berlin.
const AT_WORK = Date.UTC(2026, 10, 18, 11, 0);
const AT_NIGHT = Date.UTC(2026, 10, 18, 1, 30);

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
  start: startNetwork,
};

async function startNetwork(installation: TestInstallation): Promise<StartedSubject> {
  const repository = await makeRepository();
  const infra = await startInfra(installation, {
    name: 'network',
    environment: 'production',
    sources: { git: [repository.path], tarballs: [] },
  });
  const { preview, execute, witness } = infra.paths;
  const { previewTokenRole, executeTokenRole } = infra.target.vault;
  const revokeRights = await grantLeasing(installation, {
    preview: { name: previewTokenRole, policy: infra.policies[previewTokenRole] ?? '', leases: [preview] },
    execute: { name: executeTokenRole, policy: infra.policies[executeTokenRole] ?? '', leases: [execute] },
    witness: allow(witness, ['read']),
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
    useCredential: (credential) => logIn(infra, credential as LeasedCredential<DatabaseLogin>),
    async stop() {
      await revokeRights();
      await infra.uninstall();
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
    { name: 'at night', nowMs: AT_NIGHT, flags: ['unusual_hour'] },
    { name: 'for the first time', past: 0, flags: ['first_time'] },
    { name: 'elsewhere than in production', target: { environment: 'staging' }, flags: [], not: ['production'] },
  ];
  return cases;
}

/** What there is, without what only counts writes. */
function resourcesOf(state: StateJson | null) {
  return (state?.resources ?? []).flatMap(({ type, name, instances }) =>
    instances.map(({ attributes }) => ({ name: `${type}.${name}`, attributes: JSON.stringify(attributes) })),
  );
}

async function logIn({ target }: InfraFixture, { username, material }: LeasedCredential<DatabaseLogin>): Promise<void> {
  const { host, port, database } = target.state;
  const client = new pg.Client({ host, port, database, user: username, password: material.password.reveal() });
  client.on('error', () => undefined); // reported by what fails
  try {
    await client.connect();
    await client.query('select name from workspace.states');
  } finally {
    await client.end().catch(() => undefined);
  }
}
