import { parseIamArn } from '../../targets/aws/arn.js';
import type { AwsTarget } from '../../targets/aws.js';
import type { AllowStatement } from '../../vault/credentials/aws.js';
import type { ChangeAttachment, AwsIamPolicyParams } from './params.js';

const CALL_BY_KIND = { role: 'Role', user: 'User', group: 'Group' } as const;

/** All that the credential of one action may do: read what the preview reads; to execute, also the change itself. */
export function allowedCalls(
  purpose: 'preview' | 'execute',
  { agent, params, target }: { agent: string; params: AwsIamPolicyParams; target: AwsTarget },
): AllowStatement[] {
  const { policyArn } = params;
  const statements: AllowStatement[] = [
    {
      Action: ['iam:GetPolicy', 'iam:GetPolicyVersion', 'iam:ListPolicyVersions', 'iam:ListEntitiesForPolicy'],
      Resource: [policyArn],
    },
  ];
  const ownUsers = (target.ownIdentities[agent] ?? []).filter((arn) => parseIamArn(arn, target)?.kind === 'user');
  if (ownUsers.length > 0) statements.push({ Action: ['iam:ListGroupsForUser'], Resource: ownUsers });
  if (params.change === 'set_policy') {
    if (purpose === 'execute')
      statements.push({ Action: ['iam:CreatePolicyVersion', 'iam:DeletePolicyVersion'], Resource: [policyArn] });
    return statements;
  }
  const { kind } = params.principal;
  const Resource = principalArns(params, target);
  statements.push({
    Action: [`iam:Get${CALL_BY_KIND[kind]}`, `iam:ListAttached${CALL_BY_KIND[kind]}Policies`],
    Resource,
  });
  if (purpose === 'execute') {
    const verb = params.change === 'attach' ? 'Attach' : 'Detach';
    const Condition = { ArnEquals: { 'iam:PolicyARN': policyArn } };
    statements.push({ Action: [`iam:${verb}${CALL_BY_KIND[kind]}Policy`], Resource, Condition });
  }
  return statements;
}

// Names are unique whatever the path, and the path is not known before AWS is asked.
function principalArns({ principal: { kind, name } }: ChangeAttachment, { partition, accountId }: AwsTarget): string[] {
  const account = `arn:${partition}:iam::${accountId}`;
  return [`${account}:${kind}/${name}`, `${account}:${kind}/*/${name}`];
}
