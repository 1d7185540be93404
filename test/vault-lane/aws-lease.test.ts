import { describe, expect, it } from 'vitest';
import { ServiceFault } from '../../src/core/errors.js';
import { openIam } from '../../src/targets/aws/iam.js';
import type { AwsIamPolicyParams } from '../../src/operations/aws-iam-policy/params.js';
import { createVaultClient, type VaultClient } from '../../src/vault/client.js';
import { Secret } from '../../src/core/secret.js';
import type { VaultFault } from '../../src/vault/vault-fault.js';
import { ACCOUNT, documentOf, POLICY_ARN } from '../support/aws-account.js';
import { latest } from '../../src/record/record.js';
import { witnessOf } from '../../src/targets/targets.js';
import { createSweeper } from '../../src/vault/sweep.js';
import { createLeases } from '../../src/vault/vault-leases.js';
import { until } from '../support/until.js';
import { useAwsHarness, type AwsHarness } from './aws-harness.js';

const SET: AwsIamPolicyParams = {
  change: 'set_policy',
  target: 'cloud',
  policyArn: POLICY_ARN,
  document: documentOf(['s3:GetObject', 's3:ListBucket']),
};

interface Policy {
  Statement: { Action: string[]; Resource: string[]; Condition: { DateLessThan: { 'aws:CurrentTime': string } } }[];
}

async function statusOf(work: Promise<unknown>): Promise<number | null | 'done'> {
  return work.then(
    () => 'done' as const,
    (error: unknown) => (error as VaultFault).status,
  );
}

async function vaultRoles({ installation, account }: AwsHarness): Promise<string[]> {
  const { data } = await installation.vaultAdmin
    .list(`${account.target.vault.mount}/roles`)
    .catch(() => ({ data: { keys: [] } }));
  return (data as { keys: string[] }).keys.filter((name) => name.startsWith('countersign.'));
}

/** A child token as an action's, in the hands of whoever got hold of it. */
async function childToken({ installation, account }: AwsHarness, purpose: 'preview' | 'execute'): Promise<VaultClient> {
  const role = account.target.vault[purpose === 'preview' ? 'previewTokenRole' : 'executeTokenRole'];
  const { auth } = await installation.vaultAdmin.write(`auth/token/create/${role}`, { ttl: '60s', num_uses: 0 });
  const token = new Secret((auth as { client_token: string }).client_token);
  return createVaultClient({ address: installation.vault.address, credential: () => token });
}

describe('a session', () => {
  const harness = useAwsHarness('assumed_role');

  it('carries a policy for this very change, which ends with the lease', async () => {
    const asked = Date.now();
    const { credential, actionId } = await harness.lease('execute', SET, 90);
    const response = await fetch(`${harness.account.address}/moto-api/data.json`);
    const { sts } = (await response.json()) as {
      sts: { AssumedRole: { session_name: string; policy: string; role_arn: string }[] };
    };
    const session = sts.AssumedRole.find(({ session_name: name }) => name === credential.username);
    expect(session?.role_arn).toBe(`arn:aws:iam::${ACCOUNT}:role/countersign-execute`);
    expect(credential.username).toBe(`countersign-${actionId.toLowerCase()}-execute`);
    const { Statement } = JSON.parse(session?.policy ?? '{}') as Policy;
    expect(Statement.map(({ Action, Resource }) => [Action, Resource])).toEqual([
      [['iam:GetPolicy', 'iam:GetPolicyVersion', 'iam:ListPolicyVersions', 'iam:ListEntitiesForPolicy'], [POLICY_ARN]],
      [['iam:ListGroupsForUser'], [`arn:aws:iam::${ACCOUNT}:user/olivia`]],
      [['iam:CreatePolicyVersion', 'iam:DeletePolicyVersion'], [POLICY_ARN]],
    ]);
    const limits = new Set(Statement.map(({ Condition }) => Date.parse(Condition.DateLessThan['aws:CurrentTime'])));
    expect(limits.size).toBe(1);
    const [limit = 0] = limits;
    expect(limit).toBeGreaterThan(asked + 85_000);
    expect(limit).toBeLessThanOrEqual(credential.expiresAtMs);
  });

  it('may only read for a preview', async () => {
    const { credential } = await harness.lease('preview', SET);
    const response = await fetch(`${harness.account.address}/moto-api/data.json`);
    const { sts } = (await response.json()) as {
      sts: { AssumedRole: { session_name: string; policy: string; role_arn: string }[] };
    };
    const session = sts.AssumedRole.find(({ session_name: name }) => name === credential.username);
    expect(session?.role_arn).toBe(`arn:aws:iam::${ACCOUNT}:role/countersign-preview`);
    const { Statement } = JSON.parse(session?.policy ?? '{}') as Policy;
    expect(Statement.flatMap(({ Action }) => Action).filter((action) => !/^iam:(Get|List)/.test(action))).toEqual([]);
  });

  it('leaves no Vault role behind, and a token with one use', async () => {
    const { credential } = await harness.lease('execute', SET);
    expect(await vaultRoles(harness)).toEqual([]);
    const { data } = await harness.installation.vaultAdmin.write('auth/token/lookup-accessor', {
      accessor: credential.accessor,
    });
    expect(data).toMatchObject({ num_uses: 1, orphan: true });
  });

  it('is not called ended before its policy allows nothing any more', async () => {
    const lease = await harness.lease('execute', SET, 60);
    await lease.revoke();
    const { actionId, credential } = lease;
    const leasedAtMs = Date.now();
    const ended = {
      target: harness.account.target,
      actionId,
      username: credential.username,
      vaultRole: null,
      purpose: 'execute' as const,
      leasedAtMs,
      ttlSeconds: 60,
    };
    await expect(harness.witness().proveGone(ended)).rejects.toMatchObject({ service: 'target', temporary: true });
    const proofs = await harness.witness(() => leasedAtMs + 60_000).proveGone(ended);
    expect(proofs.map(({ answer }) => answer)).toEqual([
      '404',
      expect.stringContaining('no call that ends a session earlier'),
    ]);
  });

  it('has its Vault role removed at the proof, when a crash left it', async () => {
    const { vaultAdmin } = harness.installation;
    const { target } = harness.account;
    const actionId = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
    const path = `${target.vault.mount}/roles/countersign.execute.${actionId.toLowerCase()}`;
    await vaultAdmin.write(path, { credential_type: 'assumed_role', role_arns: `arn:aws:iam::${ACCOUNT}:role/x` });
    const ended = { target, actionId, username: null, vaultRole: null, leasedAtMs: 0, ttlSeconds: 60 };
    // The preview's end says nothing about what the execution is just about to read.
    await harness.witness().proveGone({ ...ended, purpose: 'preview' });
    expect(await vaultRoles(harness)).toHaveLength(1);
    const proofs = await harness.witness().proveGone({ ...ended, purpose: 'execute' });
    expect(proofs.map(({ answer }) => answer)).toContain('left by a crash; removed');
    expect(await vaultRoles(harness)).toEqual([]);
  });

  it.each([
    ['another AWS role', { role_arns: `arn:aws:iam::${ACCOUNT}:role/admin` }, {}],
    [
      'a second AWS role',
      { role_arns: `arn:aws:iam::${ACCOUNT}:role/countersign-execute,arn:aws:iam::${ACCOUNT}:role/admin` },
      {},
    ],
    ['another type', { credential_type: 'iam_user' }, {}],
    ['managed policies', { policy_arns: 'arn:aws:iam::aws:policy/AdministratorAccess' }, {}],
    ['no policy', { policy_document: undefined }, {}],
    ["a preview's role", {}, { role: 'countersign.preview.x' }],
    ['a role of no action', {}, { role: 'admin' }],
  ])('cannot be had for %s', async (_, change, { role = 'countersign.execute.x' }: { role?: string }) => {
    const vault = await childToken(harness, 'execute');
    const good = {
      credential_type: 'assumed_role',
      role_arns: `arn:aws:iam::${ACCOUNT}:role/countersign-execute`,
      policy_document: JSON.stringify(documentOf(['iam:GetPolicy'], '*')),
    };
    const { mount } = harness.account.target.vault;
    expect(await statusOf(vault.write(`${mount}/roles/${role}`, { ...good, ...change }))).toBe(403);
    expect(await statusOf(vault.write(`${mount}/roles/countersign.execute.good`, good))).toBe('done');
    expect(await statusOf(vault.delete(`${mount}/roles/countersign.execute.good`))).toBe('done');
  });
});

describe('a user', () => {
  const harness = useAwsHarness('iam_user');

  const usersBelow = async (path: string): Promise<string[]> => {
    const { Users = [] } = await harness.account.iam.listUsers({ PathPrefix: path });
    return Users.map(({ UserName }) => String(UserName));
  };

  it('is made for the action, with a policy that ends, and is unknown to AWS after the end', async () => {
    const { iam, target } = harness.account;
    const lease = await harness.lease('execute', SET);
    const { actionId, credential } = lease;
    const path = `/countersign/${actionId.toLowerCase()}/execute/`;
    expect(credential.username).toBe(path);
    const [UserName = ''] = await usersBelow(path);
    const { PolicyNames: [PolicyName = ''] = [] } = await iam.listUserPolicies({ UserName });
    const { PolicyDocument } = await iam.getUserPolicy({ UserName, PolicyName });
    const { Statement } = JSON.parse(decodeURIComponent(PolicyDocument ?? '')) as Policy;
    expect(Statement.every(({ Condition }) => 'DateLessThan' in Condition)).toBe(true);
    const ended = {
      target,
      actionId,
      purpose: 'execute' as const,
      username: path,
      vaultRole: null,
      leasedAtMs: Date.now(),
      ttlSeconds: 120,
    };
    await expect(harness.witness().proveGone(ended)).rejects.toMatchObject({
      message: expect.stringContaining(UserName) as string,
    });
    await lease.revoke();
    expect((await harness.witness().proveGone(ended)).at(-1)).toEqual({
      asked: `cloud: iam ListUsers, path ${path}`,
      answer: '0 users',
    });
    expect(await usersBelow('/countersign/')).toEqual([]);
  });

  it('is ended by the sweeper when its run is over, and the end is proven long before the lease would have run out', async () => {
    const { vault: client, record, claims } = harness.notary;
    const { target } = harness.account;
    const witness = witnessOf(harness.witness(), () => target);
    const leases = createLeases({ client, record, claims, witness, clock: Date.now });
    const lease = await harness.lease('execute', SET, 600);
    const path = `/countersign/${lease.actionId.toLowerCase()}/execute/`;
    expect(await usersBelow(path)).toHaveLength(1);
    const isLive = async (actionId: string): Promise<boolean> => actionId !== lease.actionId;
    const tokenRoles = new Set([target.vault.previewTokenRole, target.vault.executeTokenRole]);
    const mine = { ...claims, openLeases: () => claims.openLeases(lease.actionId) };
    const sweep = createSweeper({ client, claims: mine, leases, isLive, tokenRoles, clock: Date.now });
    await until(async () => {
      await sweep();
      return (await claims.openLeases(lease.actionId)).length === 0;
    });
    expect(await usersBelow(path)).toEqual([]);
    const proven = latest(await record.ofAction(lease.actionId), 'revocation')?.body;
    expect(proven?.proofs).toContainEqual({ asked: `cloud: iam ListUsers, path ${path}`, answer: '0 users' });
    expect(proven?.revokedAtMs).toBeLessThan(lease.credential.expiresAtMs - 300_000);
  });

  it('has keys that AWS knows before the end and not after it', async () => {
    const lease = await harness.lease('execute', SET);
    const { accessKeyId, secretAccessKey } = lease.credential.material;
    const thief = harness.account.as({ accessKeyId, secretAccessKey: secretAccessKey.reveal() });
    const use = (): Promise<string> =>
      harness.account
        .whileChecked(() => thief.getPolicy({ PolicyArn: POLICY_ARN }))
        .then(
          () => 'done',
          (error: unknown) => (error as Error).name,
        );
    // moto judges without regard to resources: it knows the key, and denies what is allowed on one resource alone.
    expect(await use()).toMatch(/^AccessDenied|^done/);
    await lease.revoke();
    expect(await use()).toBe('InvalidClientTokenId');
    thief.destroy();
  });

  it.each([
    ['another boundary', { permissions_boundary_arn: 'arn:aws:iam::aws:policy/AdministratorAccess' }],
    ['no boundary', { permissions_boundary_arn: undefined }],
    ['another path', { user_path: '/admins/' }],
    ['a group', { iam_groups: 'owners' }],
  ])('cannot be had with %s', async (_, change) => {
    const vault = await childToken(harness, 'execute');
    const { mount } = harness.account.target.vault;
    const role = {
      credential_type: 'iam_user',
      permissions_boundary_arn: `arn:aws:iam::${ACCOUNT}:policy/countersign-boundary`,
      user_path: '/countersign/x/',
      policy_document: JSON.stringify(documentOf(['iam:GetPolicy'], '*')),
    };
    expect(await statusOf(vault.write(`${mount}/roles/countersign.execute.x`, { ...role, ...change }))).toBe(403);
  });
});

describe('the connection to IAM', () => {
  const harness = useAwsHarness('assumed_role');

  it('takes nothing from the environment', async () => {
    const { credential } = await harness.lease('preview', SET);
    const ambient = {
      AWS_ACCESS_KEY_ID: 'AKIAFROMENVIRONMENT',
      AWS_SECRET_ACCESS_KEY: 'x',
      AWS_PROFILE: 'nobody',
      AWS_REGION: 'eu-west-9',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
      AWS_ENDPOINT_URL_IAM: 'http://127.0.0.1:9',
      AWS_CONFIG_FILE: '/nonexistent/config',
      AWS_USE_FIPS_ENDPOINT: 'true',
      HTTPS_PROXY: 'http://127.0.0.1:9',
      HTTP_PROXY: 'http://127.0.0.1:9',
    };
    const before = { ...process.env };
    Object.assign(process.env, ambient);
    try {
      const iam = await openIam(harness.account.target, credential.material, AbortSignal.timeout(10_000));
      const { Policy } = await iam.ask((client, options) => client.getPolicy({ PolicyArn: POLICY_ARN }, options));
      expect(Policy?.PolicyName).toBe('orders-reader');
      iam.close();
    } finally {
      for (const name of Object.keys(ambient)) {
        if (before[name] === undefined) Reflect.deleteProperty(process.env, name);
        else process.env[name] = before[name];
      }
    }
  });

  it('says what AWS answered, and no secret', async () => {
    const { credential } = await harness.lease('preview', SET);
    const { material } = credential;
    const iam = await openIam(harness.account.target, material, AbortSignal.timeout(10_000));
    const error = await iam
      .ask((client, options) => client.getRole({ RoleName: 'nobody' }, options))
      .catch((thrown: unknown) => thrown);
    iam.close();
    expect(error).toBeInstanceOf(ServiceFault);
    expect((error as ServiceFault).message).toBe('AWS account cloud answered NoSuchEntityException (404).');
    const away = { ...harness.account.target, endpoint: 'http://127.0.0.1:9' };
    const unreachable = await openIam(away, material, AbortSignal.timeout(10_000));
    await expect(
      unreachable.ask((client, options) => client.getRole({ RoleName: 'x' }, options)),
    ).rejects.toMatchObject({
      message: 'AWS account cloud gave no answer.',
      temporary: true,
    });
    unreachable.close();
  });
});
