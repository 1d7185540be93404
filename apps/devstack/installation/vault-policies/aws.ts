import type { AwsTarget } from '../../../../src/targets/aws.js';
import { allow, createTokens } from './rules.js';

type Purpose = 'preview' | 'execute';

/** What Vault grants for one AWS account: to the children of its token roles, and to the processes beyond their own rights. */
export interface AwsPolicies {
  previewLease: string;
  executeLease: string;
  worker: string;
  executor: string;
  notary: string;
}

/** The exact policies; docs/operations/aws-iam-policy.md shows them. */
export function awsPolicies(target: AwsTarget): AwsPolicies {
  const { previewTokenRole, executeTokenRole } = target.vault;
  return {
    previewLease: leasePolicy(target, 'preview'),
    executeLease: leasePolicy(target, 'execute'),
    worker: [createTokens(previewTokenRole), endLeases(target, ['preview'])].join('\n'),
    executor: [createTokens(executeTokenRole), endLeases(target, ['execute'])].join('\n'),
    notary: notaryPolicy(target),
  };
}

/** A child token may make one Vault role's worth of credential: whose, and bounded by what, is pinned. */
function leasePolicy(target: AwsTarget, purpose: Purpose): string {
  const { credentials, vault } = target;
  const pinned =
    credentials.type === 'assumed_role'
      ? {
          credential_type: ['assumed_role'],
          role_arns: [purpose === 'preview' ? credentials.previewRoleArn : credentials.executeRoleArn],
        }
      : {
          credential_type: ['iam_user'],
          permissions_boundary_arn: [credentials.permissionsBoundaryArn],
          user_path: ['/countersign/*'],
        };
  const parameters = { ...pinned, policy_document: [] };
  const roles = `${vault.rolePrefix}.${purpose}.*`;
  const session = credentials.type === 'assumed_role' ? { role_session_name: ['countersign-*'] } : {};
  return [
    // When the token ends: the credential's policy allows nothing from then on.
    allow('auth/token/lookup-self', ['read']),
    allow(
      `${vault.mount}/roles/${roles}`,
      ['create', 'update', 'delete'],
      allowedParameters(parameters),
      // Without a policy of its own a session could do all that the role may.
      `required_parameters = [${quoted(Object.keys(parameters))}]`,
    ),
    allow(`${vault.mount}/creds/${roles}`, ['update'], allowedParameters({ ttl: [], ...session })),
  ].join('\n');
}

function notaryPolicy(target: AwsTarget): string {
  const { credentials, vault } = target;
  const both = ['preview', 'execute'] as const;
  return [
    endLeases(target, both),
    allow('sys/leases/lookup', ['update'], allowedParameters({ lease_id: leaseIds(target, both) })),
    // A crash may leave the role of an action.
    allow(`${vault.mount}/roles/${vault.rolePrefix}.*`, ['read', 'delete']),
    ...(credentials.type === 'iam_user' ? [allow(`${vault.mount}/creds/${credentials.witnessRole}`, ['read'])] : []),
  ].join('\n');
}

function endLeases(target: AwsTarget, purposes: readonly Purpose[]): string {
  const parameters = allowedParameters({ lease_id: leaseIds(target, purposes), sync: [true] });
  return allow('sys/leases/revoke', ['update'], parameters);
}

/** The notary, who ends both purposes' leases, also has some of its own: the witness's. */
function leaseIds({ vault, credentials }: AwsTarget, purposes: readonly Purpose[]): string[] {
  const ids = purposes.map((purpose) => `${vault.mount}/creds/${vault.rolePrefix}.${purpose}.*`);
  if (credentials.type === 'iam_user' && purposes.length > 1)
    ids.push(`${vault.mount}/creds/${credentials.witnessRole}/*`);
  return ids;
}

function allowedParameters(parameters: Record<string, readonly (string | boolean)[]>): string {
  const rules = Object.entries(parameters).map(([name, values]) => `"${name}" = [${quoted(values)}]`);
  return `allowed_parameters = { ${rules.join(', ')} }`;
}

function quoted(values: readonly (string | boolean)[]): string {
  return values.map((value) => JSON.stringify(value)).join(', ');
}
