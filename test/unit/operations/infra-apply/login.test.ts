import { describe, expect, it } from 'vitest';
import { LEASE_ROLE_CHARS } from '../../../../src/core/schemas/action.js';
import { Secret } from '../../../../src/core/secret.js';
import { infraLogin, stateLogin } from '../../../../src/operations/infra-apply/login.js';
import { paramsSchema } from '../../../../src/operations/infra-apply/params.js';
import { targetKind, type InfraTarget } from '../../../../src/targets/infra.js';
import type { TokenVault } from '../../../../src/vault/leases.js';
import { infraTarget } from './infra-target.js';

const AWS = {
  mount: 'aws',
  rolePrefix: 'network',
  previewRoleArn: 'arn:aws:iam::123456789012:role/reader',
  executeRoleArn: 'arn:aws:iam::123456789012:role/writer',
};
const params = paramsSchema.parse({
  target: 'network',
  source: { kind: 'git', repository: 'https://git.example.com/infra/network', commit: 'a'.repeat(40) },
});
const asked = (target: InfraTarget) => ({ actionId: '01ARZ3NDEKTSV4RRFFQ69G5FAV', agent: 'infra-bot', params, target });

describe('what infra.apply leases', () => {
  it('is a session of AWS from which no other session is got', async () => {
    const written: Record<string, unknown>[] = [];
    const login = {
      access_key: 'AKIAIOSFODNN7EXAMPLE',
      secret_key: 's',
      session_token: 't',
      username: 'u',
      password: 'p',
    };
    const vault: TokenVault = {
      read: async () => ({
        lease_id: 'l',
        lease_duration: 900,
        data: { ...login, expire_time: '2026-11-22T22:36:38.409276436Z' },
      }),
      write: async (_path, body) => {
        written.push(body as Record<string, unknown>);
        return { lease_id: 'l', lease_duration: 900, data: login };
      },
      delete: async () => ({}),
      token: new Secret('t'),
      accessor: 'a',
    };
    await infraLogin('execute', asked(infraTarget({ providerCredentials: { aws: AWS } }))).issue(vault);
    const policy = JSON.parse(String(written[0]?.['policy_document'])) as { Statement: unknown[] };
    expect(policy.Statement).toEqual([
      expect.objectContaining({ Effect: 'Allow' }),
      {
        Effect: 'Deny',
        Action: ['sts:AssumeRole', 'sts:AssumeRoot', 'sts:GetFederationToken'],
        Resource: ['*'],
      },
    ]);
  });

  it('is the state’s user alone, to ask what came of an apply', () => {
    const target = infraTarget({ providerCredentials: { aws: AWS } });
    expect(infraLogin('execute', asked(target)).role).toContain('aws/creds/');
    expect(stateLogin({ target })).toMatchObject({
      tokenRole: 'execute-network',
      role: 'database/creds/network-execute',
    });
  });

  it.each([
    ['as much as may be approved', 0, 0],
    ['a character more than may be approved', 1, 1],
  ])('has a name that a bundle is loaded with when it has %s', (_, more, expected) => {
    const plain = (path: string): InfraTarget =>
      infraTarget({
        providerCredentials: { aws: AWS },
        sources: {
          git: ['https://git.example.com/infra/'],
          tarballs: [],
          gitLogins: [{ host: 'git.example.com', mount: 'm'.repeat(63), path }],
        },
      });
    const shortest = infraLogin('preview', asked(plain('p'))).role.length;
    const target = plain('p'.repeat(LEASE_ROLE_CHARS - shortest + 1 + more));
    expect(infraLogin('preview', asked(target)).role.length).toBe(LEASE_ROLE_CHARS + more);
    const problems = targetKind.findProblems(target).filter(({ message }) => message.includes('600 may be approved'));
    expect(problems).toHaveLength(expected);
  });
});
