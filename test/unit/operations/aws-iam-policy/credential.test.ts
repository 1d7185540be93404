import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { awsPolicies } from '../../../../apps/devstack/installation/vault-policies/aws.js';
import { Secret } from '../../../../src/core/secret.js';
import { targetKind } from '../../../../src/targets/aws.js';
import { AWS_TOKEN_USES, awsLogin, type AwsNeed } from '../../../../src/vault/credentials/aws.js';
import type { TokenVault } from '../../../../src/vault/leases.js';

const NEED: AwsNeed = {
  actionId: '01ARZ3NDEKTSV4RRFFQ69G5FAV',
  purpose: 'execute',
  tokenRole: 'cloud-execute',
  mount: 'aws',
  rolePrefix: 'countersign',
  as: { type: 'assumed_role', roleArn: 'arn:aws:iam::123456789012:role/x' },
  allow: [{ Action: ['iam:GetPolicy'], Resource: ['arn:aws:iam::123456789012:policy/p'] }],
};
const ROLE = 'aws/roles/countersign.execute.01arz3ndektsv4rrffq69g5fav';
const CREDS = 'aws/creds/countersign.execute.01arz3ndektsv4rrffq69g5fav';

/** The port that leases hand to a need; what it answers is Vault's answer. */
function recorded(failing?: string): { vault: TokenVault; calls: string[] } {
  const calls: string[] = [];
  const call = async (verb: string, path: string, answer: object): Promise<object> => {
    calls.push(`${verb} ${path}`);
    if (`${verb} ${path}` === failing) throw new Error('Vault says no');
    return answer;
  };
  const login = { access_key: 'AKIAIOSFODNN7EXAMPLE', secret_key: 's', session_token: 't' };
  const vault: TokenVault = {
    read: (path) => call('read', path, { data: { expire_time: '2026-11-22T22:36:38.409276436Z' } }),
    write: (path) => call('write', path, { lease_id: 'l', lease_duration: 900, data: login }),
    delete: (path) => call('delete', path, {}),
    token: new Secret('t'),
    accessor: 'a',
  };
  return { vault, calls };
}

describe('the credential of one change', () => {
  it('takes four requests, one less than the token has', async () => {
    const { vault, calls } = recorded();
    await awsLogin(NEED).issue(vault);
    expect(calls).toEqual(['read auth/token/lookup-self', `write ${ROLE}`, `write ${CREDS}`, `delete ${ROLE}`]);
    expect(calls.length).toBe(AWS_TOKEN_USES - 1);
  });

  it.each([
    [`write ${CREDS}`, [`write ${CREDS}`, `delete ${ROLE}`]],
    // Then it is not handed out: the lease is revoked by who asked.
    [`delete ${ROLE}`, [`delete ${ROLE}`, `delete ${ROLE}`]],
  ])('is not had when Vault refuses %s, and its Vault role is removed', async (failing, last) => {
    const { vault, calls } = recorded(failing);
    await expect(awsLogin(NEED).issue(vault)).rejects.toThrow('Vault says no');
    expect(calls.slice(-2)).toEqual(last);
  });

  it('is refused before anything is written when its policy is longer than AWS takes', async () => {
    const { vault, calls } = recorded();
    const Resource = Array.from({ length: 60 }, (_, index) => `arn:aws:iam::123456789012:user/${String(index)}`);
    const need = { ...NEED, allow: [{ Action: ['iam:ListGroupsForUser'], Resource }] };
    await expect(awsLogin(need).issue(vault)).rejects.toMatchObject({ code: 'params_invalid' });
    expect(calls).toEqual(['read auth/token/lookup-self']);
  });
});

it('has its exact Vault policies in the docs', async () => {
  const page = await readFile(join(import.meta.dirname, '../../../../docs/operations/aws-iam-policy.md'), 'utf8');
  const yaml = /```yaml\n([^]*?)```/.exec(page)?.[1] ?? '';
  const [entry] = parse(yaml) as unknown[];
  const target = targetKind.schema.parse(entry);
  expect(targetKind.findProblems(target)).toEqual([]);
  const { executeLease, executor, notary } = awsPolicies(target);
  for (const policy of [executeLease, executor, notary]) {
    for (const rule of policy.split(/\n(?=path )/)) expect(page).toContain(rule);
  }
});
