import { describe, expect, it } from 'vitest';
import { parseOrRefuse } from '../../../../src/core/invalid-field.js';
import { Refusal } from '../../../../src/core/errors.js';
import { operation } from '../../../../src/operations/aws-iam-policy.js';
import type { AwsTarget } from '../../../../src/targets/aws.js';
import { targetKind } from '../../../../src/targets/aws.js';
import { json, statement } from './documents.js';

const ARN = 'arn:aws:iam::123456789012:policy/team/p';
const TARGET: AwsTarget = {
  kind: 'aws',
  name: 'cloud',
  environment: 'production',
  owners: [],
  hours: { timeZone: 'Europe/Berlin', from: 8, to: 18 },
  accountId: '123456789012',
  partition: 'aws',
  credentials: {
    type: 'assumed_role',
    previewRoleArn: 'arn:aws:iam::123456789012:role/countersign/preview',
    executeRoleArn: 'arn:aws:iam::123456789012:role/countersign/execute',
  },
  vault: {
    mount: 'aws',
    rolePrefix: 'countersign',
    previewTokenRole: 'cloud-preview',
    executeTokenRole: 'cloud-execute',
  },
  ownIdentities: {
    bot: ['arn:aws:iam::123456789012:user/olivia', 'arn:aws:sts::123456789012:assumed-role/bot/session'],
  },
};
const SET = { change: 'set_policy', target: 'cloud', policyArn: ARN, document: json(statement('s3:GetObject')) };
const ATTACH = { change: 'attach', target: 'cloud', policyArn: ARN, principal: { kind: 'role', name: 'app' } };
const big = (chars: number): unknown => json(statement('s3:GetObject', { Resource: `arn:${'x'.repeat(chars)}` }));

async function admit(params: unknown): Promise<string> {
  try {
    await operation.check(parseOrRefuse(operation.paramsSchema, params, 'params_invalid', 'params'), TARGET);
    return 'admitted';
  } catch (error) {
    if (error instanceof Refusal && error.code === 'params_invalid') return error.field ?? '';
    throw error;
  }
}

describe('parameters', () => {
  it.each([
    ['a new document', SET, 'admitted'],
    ['an attachment', ATTACH, 'admitted'],
    ['a detachment from a user', { ...ATTACH, change: 'detach', principal: { kind: 'user', name: 'u' } }, 'admitted'],
    ["a policy of AWS's own, attached", { ...ATTACH, policyArn: 'arn:aws:iam::aws:policy/ReadOnlyAccess' }, 'admitted'],
    [
      "a policy of AWS's own, changed",
      { ...SET, policyArn: 'arn:aws:iam::aws:policy/ReadOnlyAccess' },
      'params.policyArn',
    ],
    ["another account's policy", { ...ATTACH, policyArn: 'arn:aws:iam::999999999999:policy/p' }, 'params.policyArn'],
    ['another partition', { ...ATTACH, policyArn: 'arn:aws-cn:iam::123456789012:policy/p' }, 'params.policyArn'],
    ['no ARN of a policy', { ...ATTACH, policyArn: 'arn:aws:iam::123456789012:role/p' }, 'params.policyArn'],
    ['a wildcard in the ARN', { ...ATTACH, policyArn: 'arn:aws:iam::123456789012:policy/*' }, 'params.policyArn'],
    ['a document on an attachment', { ...ATTACH, document: {} }, 'params.document'],
    ['a principal on a document', { ...SET, principal: ATTACH.principal }, 'params.principal'],
    ['a name with a path', { ...ATTACH, principal: { kind: 'role', name: 'team/app' } }, 'params.principal.name'],
    ['a name with a wildcard', { ...ATTACH, principal: { kind: 'role', name: 'app*' } }, 'params.principal.name'],
    ['a document as text', { ...SET, document: '{}' }, 'params.document'],
    ['the largest document', { ...SET, document: big(6_144 - JSON.stringify(big(0)).length) }, 'admitted'],
    ['a document too large', { ...SET, document: big(6_145 - JSON.stringify(big(0)).length) }, 'params.document'],
    [
      'a statement for a principal',
      { ...SET, document: json(statement('s3:*', { Principal: '*' })) },
      'params.document.Statement.0.Principal',
    ],
  ])('%s: %s', async (_, params, expected) => {
    expect(await admit(params)).toBe(expected);
  });
});

describe('the credential', () => {
  it.each([
    ['preview', 'cloud-preview', 'aws/creds/countersign.preview.01arz3ndektsv4rrffq69g5fav'],
    ['execute', 'cloud-execute', 'aws/creds/countersign.execute.01arz3ndektsv4rrffq69g5fav'],
  ] as const)('for the %s', (purpose, tokenRole, role) => {
    const params = operation.paramsSchema.parse(SET);
    const need = operation.credentialFor(purpose, {
      actionId: '01ARZ3NDEKTSV4RRFFQ69G5FAV',
      agent: 'bot',
      params,
      target: TARGET,
    });
    expect(need).toMatchObject({ tokenRole, role });
  });
});

describe('the target', () => {
  it.each<[string, Partial<AwsTarget>, string[]]>([
    ['as it should be', {}, []],
    ['with an endpoint on loopback', { endpoint: 'http://127.0.0.1:5000' }, []],
    ['with an endpoint elsewhere', { endpoint: 'https://iam.example.com' }, ['endpoint']],
    ['with an endpoint that only looks like loopback', { endpoint: 'http://127.0.0.1.example.com' }, ['endpoint']],
    [
      'with a role of another account',
      {
        credentials: {
          ...TARGET.credentials,
          executeRoleArn: 'arn:aws:iam::999999999999:role/x',
        } as AwsTarget['credentials'],
      },
      ['credentials.executeRoleArn'],
    ],
    ['with a policy among the own identities', { ownIdentities: { bot: [ARN] } }, ['ownIdentities.bot.0']],
  ])('%s', (_, change, fields) => {
    const target = targetKind.schema.parse({ ...TARGET, ...change });
    expect(targetKind.findProblems(target).map(({ field }) => field.join('.'))).toEqual(fields);
  });
});
