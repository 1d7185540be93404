import { operation } from '../../../src/operations/aws-iam-policy.js';
import type { AwsLogin } from '../../../src/vault/credentials/aws.js';
import type { LeasedCredential } from '../../../src/vault/leases.js';
import {
  documentOf,
  OTHER_POLICY_ARN,
  POLICY_ARN,
  setDocument,
  startAwsAccount,
  type AwsAccount,
} from '../../support/aws-account.js';
import type { JsonObject } from '../../../src/core/json.js';
import type { FlagCase, StartedSubject, Subject } from '../subject.js';

const SET = { change: 'set_policy', target: 'cloud', policyArn: POLICY_ARN };
const PARAMS = { ...SET, document: documentOf(['s3:GetObject', 's3:ListBucket']) };
const ATTACH = { change: 'attach', target: 'cloud', policyArn: POLICY_ARN };

/** With users of IAM: a session's end is its own time limit, which moto does not know. */
export const subject: Subject = {
  operation,
  needs: 'hashicorp-vault',
  start: async (installation) => subjectOn(await startAwsAccount(installation, 'iam_user')),
};

function subjectOn(account: AwsAccount): StartedSubject {
  const { iam, target } = account;
  return {
    target,
    params: PARAMS,
    badParams: [
      { name: 'an unknown field', params: { ...PARAMS, force: true }, field: 'params.force' },
      { name: 'no document', params: SET, field: 'params.document' },
      { name: 'a change that there is not', params: { ...PARAMS, change: 'delete' }, field: 'params.change' },
      {
        name: 'a policy of another account',
        params: { ...PARAMS, policyArn: 'arn:aws:iam::999999999999:policy/p' },
        field: 'params.policyArn',
      },
      {
        name: 'a statement without an action',
        params: { ...SET, document: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Resource: '*' }] } },
        field: 'params.document.Statement.0',
      },
      {
        name: 'a principal of no kind',
        params: { ...ATTACH, principal: { kind: 'robot', name: 'r' } },
        field: 'params.principal.kind',
      },
    ],
    flagCases: flagCases(account),
    snapshotTarget: () => account.snapshot(),
    changeWhatDecides: () => setDocument(iam, documentOf(['s3:GetObjectVersion'])),
    async changeElsewhere() {
      await iam.attachUserPolicy({ UserName: 'nora', PolicyArn: OTHER_POLICY_ARN });
    },
    reset: () => account.reset(),
    async countEffects() {
      // `reset` leaves one version, and every change adds one.
      const { Versions = [] } = await iam.listPolicyVersions({ PolicyArn: POLICY_ARN });
      return Versions.length - 1;
    },
    async undo(result) {
      const { params } = result['undo'] as { params: { policyArn: string; document: JsonObject } };
      const PolicyDocument = JSON.stringify(params.document);
      await iam.createPolicyVersion({ PolicyArn: params.policyArn, PolicyDocument, SetAsDefault: true });
    },
    useCredential: (credential) => useKeys(account, credential as LeasedCredential<AwsLogin>),
    stop: () => account.stop(),
  };
}

function flagCases({ iam }: AwsAccount): FlagCase[] {
  const widened = (actions: string[], resource?: string): JsonObject => ({
    ...SET,
    document: documentOf(actions, resource),
  });
  return [
    {
      name: 'one more action on the same resource',
      flags: ['production'],
      not: ['own_permissions', 'own_permissions_unknown', 'privilege_escalation', 'wildcard_action', 'deny_removed'],
    },
    { name: 'a wildcard', params: widened(['s3:*']), flags: ['wildcard_action'] },
    { name: 'every resource', params: widened(['s3:GetObject'], '*'), flags: ['wildcard_resource'] },
    { name: 'passing roles', params: widened(['iam:PassRole']), flags: ['pass_role'] },
    {
      name: 'roles of others',
      params: widened(['sts:AssumeRole'], 'arn:aws:iam::999999999999:role/x'),
      flags: ['assume_outside'],
    },
    { name: 'a way to more rights', params: widened(['iam:CreateAccessKey']), flags: ['privilege_escalation'] },
    {
      name: 'without its denial',
      params: {
        ...SET,
        document: {
          Version: '2012-10-17',
          Statement: [{ Sid: 'Read', Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::orders/*' }],
        },
      },
      flags: ['deny_removed'],
    },
    {
      name: "the agent's own role",
      params: { ...ATTACH, principal: { kind: 'role', name: 'export-bot' } },
      flags: ['own_permissions'],
    },
    {
      name: "a group of the owner's",
      params: { ...ATTACH, principal: { kind: 'group', name: 'owners' } },
      flags: ['own_permissions'],
    },
    {
      name: 'a policy that is on the owner',
      arrange: async () => {
        await iam.attachUserPolicy({ UserName: 'olivia', PolicyArn: POLICY_ARN });
      },
      flags: ['own_permissions'],
    },
    { name: 'an agent nobody knows the roles of', target: { ownIdentities: {} }, flags: ['own_permissions_unknown'] },
    {
      name: "Countersign's own boundary",
      params: {
        change: 'set_policy',
        target: 'cloud',
        policyArn: 'arn:aws:iam::123456789012:policy/countersign-boundary',
        document: documentOf(['s3:GetObject']),
      },
      flags: ['countersign_permissions'],
    },
    {
      name: 'a role that anybody may assume',
      params: { ...ATTACH, principal: { kind: 'role', name: 'open-door' } },
      flags: ['principal_any'],
    },
    { name: 'for the first time', past: 0, flags: ['first_time'] },
  ];
}

/** AWS knows the keys when it judges what they may do; it rejects those that it does not know. */
async function useKeys(account: AwsAccount, { material }: LeasedCredential<AwsLogin>): Promise<void> {
  const { accessKeyId, secretAccessKey } = material;
  const thief = account.as({ accessKeyId, secretAccessKey: secretAccessKey.reveal() });
  try {
    await account.whileChecked(() => thief.getPolicy({ PolicyArn: POLICY_ARN }));
  } catch (error) {
    // moto judges without regard to resources, and so denies what is allowed on one alone.
    if (!(error instanceof Error && /^AccessDenied/.test(error.name))) throw error;
  } finally {
    thief.destroy();
  }
}
