import { describe, expect, it } from 'vitest';
import { checkAgainstTarget, paramsSchema } from '../../../../src/operations/infra-apply/params.js';
import { infraTargetSchema, targetKind, type InfraTarget } from '../../../../src/targets/infra.js';
import { infraTarget } from './infra-target.js';

const commit = 'c'.repeat(40);
const git = (repository: string) => ({ target: 'network', source: { kind: 'git', repository, commit } });

const AWS = {
  mount: 'aws',
  rolePrefix: 'network',
  previewRoleArn: 'arn:aws:iam::123456789012:role/plan',
  executeRoleArn: 'arn:aws:iam::123456789012:role/apply',
};
const POSTGRES = {
  host: '127.0.0.1',
  port: 5432,
  database: 'inventory',
  tls: 'disable' as const,
  mount: 'database',
  previewRole: 'inventory-preview',
  executeRole: 'inventory-execute',
  witnessRole: 'inventory-witness',
};
const GIT_LOGIN = { host: 'git.example.com', mount: 'secret', path: 'git/reader' };

describe('what a target takes', () => {
  it.each<[string, object, string | null]>([
    ['its repository', git('/srv/git/network.git'), null],
    ['one below an allowed address', git('https://git.example.com/infra/network.git'), null],
    [
      'the allowed address itself, which names all below',
      git('https://git.example.com/infra/'),
      'params.source.repository',
    ],
    ['one that only begins alike', git('/srv/git/network.git.evil'), 'params.source.repository'],
    ['another host that begins alike', git('https://git.example.com.evil.example/infra/x'), 'params.source.repository'],
    ['its tarball', { target: 'network', source: { kind: 'tarball', sha256: 'a'.repeat(64) } }, null],
    [
      'another tarball',
      { target: 'network', source: { kind: 'tarball', sha256: 'b'.repeat(64) } },
      'params.source.sha256',
    ],
    ['variables of their type', { ...git('/srv/git/network.git'), variables: { region: 'eu', zones: ['a'] } }, null],
    [
      'a variable of another type',
      { ...git('/srv/git/network.git'), variables: { region: 3 } },
      'params.variables.region',
    ],
    [
      'a variable that requests may not set',
      { ...git('/srv/git/network.git'), variables: { size: 'x' } },
      'params.variables.size',
    ],
  ])('%s', (_, sent, field) => {
    const params = paramsSchema.parse(sent);
    const check = () => {
      checkAgainstTarget(params, infraTarget());
    };
    if (field === null) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining({ field }));
  });

  it.each([
    ['a relative path', git('git/network.git')],
    ['a path upwards', git('/srv/git/../other')],
    ['a remote helper', git('ext::sh -c id')],
    ['an option', git('--upload-pack=id')],
    ['ssh', git('ssh://git@example.com/x')],
    ['a password', git('https://a:b@example.com/x')],
    ['a query', git('https://example.com/x?y')],
    ['an escaped path', git('https://git.example.com/infra/%2e%2e/x')],
    ['an address that is read differently', git('https://git.example.com/infra/../x')],
    ['a branch', { target: 'network', source: { kind: 'git', repository: '/srv/x', commit: 'main' } }],
    ['a short commit', { target: 'network', source: { kind: 'git', repository: '/srv/x', commit: 'c'.repeat(12) } }],
    [
      'a folder upwards',
      { target: 'network', source: { kind: 'git', repository: '/srv/x', commit, folder: 'a/../..' } },
    ],
    [
      'an absolute folder',
      { target: 'network', source: { kind: 'git', repository: '/srv/x', commit, folder: '/etc' } },
    ],
    [
      'too much',
      {
        ...git('/srv/x'),
        variables: Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`v${String(index)}`, 1])),
      },
    ],
  ])('never %s', (_, sent) => {
    expect(paramsSchema.safeParse(sent).success).toBe(false);
  });
});

describe('an entry of targets.yaml', () => {
  it.each<[string, Partial<InfraTarget>, PropertyKey[] | null]>([
    ['that is good', {}, null],
    ['without TLS over a network', { state: { ...infraTarget().state, host: 'db.example.com' } }, ['state', 'tls']],
    ['with a relative repository', { sources: { git: ['x'], tarballs: [] } }, ['sources', 'git', 0]],
    ['with providers and nowhere to take them from', { providerMirror: null }, ['providerMirror']],
    ['with what its providers log in with', { providerCredentials: { aws: AWS, postgres: POSTGRES } }, null],
    [
      'whose plans run with the rights of its applies in AWS',
      { providerCredentials: { aws: { ...AWS, previewRoleArn: AWS.executeRoleArn } } },
      ['providerCredentials', 'aws', 'previewRoleArn'],
    ],
    [
      'whose plans run with the rights of its applies in a database',
      { providerCredentials: { postgres: { ...POSTGRES, executeRole: POSTGRES.previewRole } } },
      ['providerCredentials', 'postgres', 'executeRole'],
    ],
    [
      "whose providers' role is that of its state",
      { providerCredentials: { postgres: { ...POSTGRES, previewRole: 'network-preview' } } },
      ['providerCredentials', 'postgres', 'previewRole'],
    ],
    [
      'whose providers log in over a network without TLS',
      { providerCredentials: { postgres: { ...POSTGRES, host: 'inventory.example.com' } } },
      ['providerCredentials', 'postgres', 'tls'],
    ],
    [
      'with two logins for a host',
      { sources: { git: [], tarballs: [], gitLogins: [GIT_LOGIN, GIT_LOGIN] } },
      ['sources', 'gitLogins', 1, 'host'],
    ],
    [
      'with the provider that runs anything',
      {
        providers: [
          { source: 'registry.terraform.io/hashicorp/external', version: '2.3.4', hashes: [`zh:${'a'.repeat(64)}`] },
        ],
      },
      ['providers', 0, 'source'],
    ],
    [
      'with a provider twice',
      {
        providers: ['registry.terraform.io', 'registry.opentofu.org'].map((host) => ({
          source: `${host}/hashicorp/aws`,
          version: '5.0.0',
          hashes: [`zh:${'a'.repeat(64)}`],
        })),
      },
      ['providers', 1, 'source'],
    ],
  ])('%s', (_, change, field) => {
    const target = infraTargetSchema.parse(infraTarget(change));
    expect(targetKind.findProblems(target).map((problem) => problem.field)).toEqual(field === null ? [] : [field]);
  });

  it('shares neither its state nor its roles with another', () => {
    expect(targetKind.exclusives(infraTarget()).map(({ key }) => key)).toEqual([
      'state 127.0.0.1:5432/states schema network',
      'Vault role database/network-preview',
      'Vault role database/network-execute',
    ]);
  });
});
