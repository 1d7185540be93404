import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { IAM } from '@aws-sdk/client-iam';
import type { JsonObject } from '../../../src/core/json.js';
import { readDevstackEnvironment } from '../environment.js';
import { awsAccount } from '../installation/further-target.js';
import { locateHashicorpVault, locateMoto } from '../services/executables.js';
import { startMoto } from '../services/moto.js';
import {
  isThere,
  setupWith,
  type LiveOperation,
  type Missing,
  type Provided,
  type Provision,
} from './live-operation.js';

const ACCOUNT = '123456789012';
const POLICY = `arn:aws:iam::${ACCOUNT}:policy/orders/orders-reader`;

/** `aws.iam.policy`: on an account of moto's, an independent implementation of AWS; leased by HashiCorp's Vault. */
export const awsIamPolicy: LiveOperation = {
  operation: 'aws.iam.policy',
  agent: 'cloud-bot',
  approver: 'fay',
  needs: 'hashicorp-vault',
  missing: findMissing,
  provide,
};

async function findMissing(): Promise<Missing | null> {
  const environment = readDevstackEnvironment();
  const hasVault = isThere(() => locateHashicorpVault(environment));
  if (!hasVault || !isThere(locateMoto)) {
    const parts = [...(hasVault ? [] : ['vault']), ...(isThere(locateMoto) ? [] : ['aws'])];
    const what = [
      ...(hasVault ? [] : ["HashiCorp's Vault (built once, in minutes)"]),
      ...(isThere(locateMoto) ? [] : ['moto']),
    ];
    return { what: what.join(' and '), command: setupWith(parts.join(',')) };
  }
  // Named by environment it may be OpenBao, which left the clouds' engines out.
  const { stdout } = await promisify(execFile)(locateHashicorpVault(environment), ['version'], { env: { PATH: '' } });
  if (stdout.startsWith('Vault ')) return null;
  return { what: "HashiCorp's Vault; COUNTERSIGN_VAULT_BIN names another", command: 'unset COUNTERSIGN_VAULT_BIN' };
}

async function provide({ defer, logFolder }: Provision): Promise<Provided> {
  const moto = await startMoto({ logFile: join(logFolder, 'moto.log') });
  defer(() => moto.stop());
  await fillAccount(moto.address);
  return {
    target: awsAccount(
      {
        name: 'cloud',
        environment: 'production',
        owners: [],
        hours: { timeZone: 'Europe/Berlin', from: 7, to: 20 },
        accountId: ACCOUNT,
        partition: 'aws',
        endpoint: moto.address,
        credentials: {
          type: 'assumed_role',
          previewRoleArn: `arn:aws:iam::${ACCOUNT}:role/countersign-preview`,
          executeRoleArn: `arn:aws:iam::${ACCOUNT}:role/countersign-execute`,
        },
        ownIdentities: {
          'cloud-bot': [`arn:aws:iam::${ACCOUNT}:role/cloud-bot`, `arn:aws:iam::${ACCOUNT}:user/olivia`],
        },
      },
      { accessKeyId: 'AKIAVAULTVAULTVAULT', secretAccessKey: 'of-vault' },
    ),
    example: () => ({
      params: {
        change: 'set_policy',
        target: 'cloud',
        policyArn: POLICY,
        document: documentOf(['s3:GetObject', 's3:PutObject']),
      },
      reason: 'The orders service also writes its reports',
    }),
  };
}

async function fillAccount(endpoint: string): Promise<void> {
  const credentials = { accessKeyId: 'AKIAADMINISTRATOR0', secretAccessKey: 'of-the-account' };
  const iam = new IAM({ endpoint, region: 'us-east-1', credentials, maxAttempts: 1 });
  try {
    for (const [RoleName, trusted] of [
      ['countersign-preview', { AWS: `arn:aws:iam::${ACCOUNT}:root` }],
      ['countersign-execute', { AWS: `arn:aws:iam::${ACCOUNT}:root` }],
      ['cloud-bot', { Service: 'ec2.amazonaws.com' }],
      ['orders-app', { Service: 'ec2.amazonaws.com' }],
    ] as const) {
      const Statement = [{ Effect: 'Allow', Principal: trusted, Action: 'sts:AssumeRole' }];
      await iam.createRole({
        RoleName,
        AssumeRolePolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement }),
      });
    }
    await iam.createUser({ UserName: 'olivia' });
    await iam.createPolicy({
      PolicyName: 'orders-reader',
      Path: '/orders/',
      PolicyDocument: JSON.stringify(documentOf(['s3:GetObject'])),
    });
    await iam.attachRolePolicy({ RoleName: 'orders-app', PolicyArn: POLICY });
  } finally {
    iam.destroy();
  }
}

function documentOf(actions: string[]): JsonObject {
  return {
    Version: '2012-10-17',
    Statement: [{ Sid: 'Orders', Effect: 'Allow', Action: actions, Resource: 'arn:aws:s3:::orders/*' }],
  };
}
