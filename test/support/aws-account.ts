import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IAM } from '@aws-sdk/client-iam';
import { installAwsTarget, uninstallAwsTarget } from '../../apps/devstack/installation/aws-target.js';
import { startMoto } from '../../apps/devstack/services/moto.js';
import type { Json, JsonObject } from '../../src/core/json.js';
import type { AwsTarget } from '../../src/targets/aws.js';
import { readDocument } from '../../src/operations/aws-iam-policy/inspect.js';
import type { TestInstallation } from './installation.js';

export const ACCOUNT = '123456789012';
export const POLICY_ARN = `arn:aws:iam::${ACCOUNT}:policy/orders/orders-reader`;
export const OTHER_POLICY_ARN = `arn:aws:iam::${ACCOUNT}:policy/audit-reader`;

/** An account of moto's behind Vault's AWS engine, with a policy, a role, two users and a group. */
export interface AwsAccount {
  target: AwsTarget;
  /** As the account's administrator. */
  iam: IAM;
  /** Where moto answers. */
  address: string;
  /** Everything there is, as its administrator reads it. */
  snapshot(): Promise<Json>;
  /** Back to as it was at the start; versions are numbered on. */
  reset(): Promise<void>;
  /** Has moto check keys and rights while `work` runs, as AWS always does. */
  whileChecked<T>(work: () => Promise<T>): Promise<T>;
  /** A client with these keys; its requests are sent once. */
  as(keys: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }): IAM;
  stop(): Promise<void>;
}

export function documentOf(actions: readonly string[], resource = 'arn:aws:s3:::orders/*'): JsonObject {
  return {
    Version: '2012-10-17',
    Statement: [
      { Sid: 'Read', Effect: 'Allow', Action: [...actions], Resource: resource },
      { Sid: 'NeverDelete', Effect: 'Deny', Action: 's3:DeleteObject', Resource: '*' },
    ],
  };
}

const START = documentOf(['s3:GetObject']);

export async function startAwsAccount(
  installation: TestInstallation,
  type: AwsTarget['credentials']['type'],
): Promise<AwsAccount> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-aws-'));
  const moto = await startMoto({ logFile: join(folder, 'moto.log') });
  const as: AwsAccount['as'] = (credentials) =>
    new IAM({ endpoint: moto.address, region: 'us-east-1', credentials, maxAttempts: 1 });
  const iam = as({ accessKeyId: 'AKIAADMINISTRATOR0', secretAccessKey: 'of-the-account' });
  const resetAuth = (count: string): Promise<unknown> =>
    fetch(`${moto.address}/moto-api/reset-auth`, { method: 'POST', body: count }).then((answer) => answer.text());
  await seed(iam);
  const { vaultAdmin: admin, name, vault } = installation;
  const options = {
    admin,
    installation: name,
    approleMount: vault.mounts.approle,
    target: targetOf(moto.address, type),
    vaultLogin: { accessKeyId: 'AKIAVAULTVAULTVAULT', secretAccessKey: 'of-vault' },
    maxTtlSeconds: 3_600,
  };
  const target = await installAwsTarget(options);
  return {
    target,
    iam,
    address: moto.address,
    snapshot: () => snapshot(iam),
    reset: () => reset(iam),
    async whileChecked(work) {
      await resetAuth('0');
      try {
        return await work();
      } finally {
        await resetAuth('inf');
      }
    },
    as,
    async stop() {
      iam.destroy();
      await uninstallAwsTarget(options);
      await moto.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function targetOf(endpoint: string, type: AwsTarget['credentials']['type']): Omit<AwsTarget, 'vault'> {
  const role = (name: string): string => `arn:aws:iam::${ACCOUNT}:role/${name}`;
  return {
    kind: 'aws',
    name: 'cloud',
    environment: 'production',
    owners: [],
    hours: { timeZone: 'Europe/Berlin', from: 0, to: 24 },
    accountId: ACCOUNT,
    partition: 'aws',
    endpoint,
    credentials:
      type === 'assumed_role'
        ? { type, previewRoleArn: role('countersign-preview'), executeRoleArn: role('countersign-execute') }
        : {
            type,
            permissionsBoundaryArn: `arn:aws:iam::${ACCOUNT}:policy/countersign-boundary`,
            witnessRole: 'witness',
          },
    ownIdentities: {
      'export-bot': [`arn:aws:iam::${ACCOUNT}:role/export-bot`, `arn:aws:iam::${ACCOUNT}:user/olivia`],
    },
  };
}

async function seed(iam: IAM): Promise<void> {
  const text = JSON.stringify(START);
  const audit = JSON.stringify(documentOf(['s3:ListBucket'], 'arn:aws:s3:::audit'));
  await iam.createPolicy({ PolicyName: 'orders-reader', Path: '/orders/', PolicyDocument: text });
  await iam.createPolicy({ PolicyName: 'audit-reader', PolicyDocument: audit });
  await iam.createPolicy({ PolicyName: 'countersign-boundary', PolicyDocument: audit });
  for (const name of ['countersign-preview', 'countersign-execute', 'export-bot', 'orders-app', 'open-door']) {
    await iam.createRole({ RoleName: name, AssumeRolePolicyDocument: trustOf(name) });
  }
  await iam.createUser({ UserName: 'olivia' });
  await iam.createUser({ UserName: 'nora' });
  await iam.createGroup({ GroupName: 'owners' });
  await iam.addUserToGroup({ GroupName: 'owners', UserName: 'olivia' });
  await iam.attachRolePolicy({ RoleName: 'orders-app', PolicyArn: POLICY_ARN });
}

function trustOf(role: string): string {
  const Principal = role === 'open-door' ? { AWS: '*' } : { Service: 'ec2.amazonaws.com' };
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal, Action: 'sts:AssumeRole' }],
  });
}

async function snapshot(iam: IAM): Promise<Json> {
  const policies: Json[] = [];
  for (const PolicyArn of [POLICY_ARN, OTHER_POLICY_ARN]) {
    const { Policy } = await iam.getPolicy({ PolicyArn });
    const { PolicyVersion } = await iam.getPolicyVersion({ PolicyArn, VersionId: Policy?.DefaultVersionId ?? '' });
    const { PolicyRoles, PolicyUsers, PolicyGroups } = await iam.listEntitiesForPolicy({ PolicyArn });
    const names = [
      ...(PolicyRoles ?? []).map(({ RoleName }) => `role ${String(RoleName)}`),
      ...(PolicyUsers ?? []).map(({ UserName }) => `user ${String(UserName)}`),
      ...(PolicyGroups ?? []).map(({ GroupName }) => `group ${String(GroupName)}`),
    ];
    policies.push({ document: readDocument(PolicyVersion?.Document), attachedTo: names.sort() });
  }
  const { Users = [] } = await iam.listUsers({});
  const users = Users.map(({ UserName }) => String(UserName)).filter((name) => name === 'olivia' || name === 'nora');
  return { policies, users };
}

async function reset(iam: IAM): Promise<void> {
  for (const PolicyArn of [POLICY_ARN, OTHER_POLICY_ARN]) {
    const { PolicyRoles, PolicyUsers, PolicyGroups } = await iam.listEntitiesForPolicy({ PolicyArn });
    for (const { RoleName } of PolicyRoles ?? []) await iam.detachRolePolicy({ RoleName, PolicyArn });
    for (const { UserName } of PolicyUsers ?? []) await iam.detachUserPolicy({ UserName, PolicyArn });
    for (const { GroupName } of PolicyGroups ?? []) await iam.detachGroupPolicy({ GroupName, PolicyArn });
    const { Versions = [] } = await iam.listPolicyVersions({ PolicyArn });
    for (const { VersionId, IsDefaultVersion } of Versions)
      if (IsDefaultVersion !== true) await iam.deletePolicyVersion({ PolicyArn, VersionId });
  }
  await setDocument(iam, START);
  await iam.attachRolePolicy({ RoleName: 'orders-app', PolicyArn: POLICY_ARN });
}

/** As the administrator, a new default version; the old one is deleted, so that one remains. */
export async function setDocument(iam: IAM, document: JsonObject): Promise<void> {
  const { Policy } = await iam.getPolicy({ PolicyArn: POLICY_ARN });
  const PolicyDocument = JSON.stringify(document);
  await iam.createPolicyVersion({ PolicyArn: POLICY_ARN, PolicyDocument, SetAsDefault: true });
  await iam.deletePolicyVersion({ PolicyArn: POLICY_ARN, VersionId: Policy?.DefaultVersionId });
}
