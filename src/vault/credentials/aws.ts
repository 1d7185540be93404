import { z } from 'zod';
import { Refusal } from '../../core/errors.js';
import type { JsonObject } from '../../core/json.js';
import type { Secret } from '../../core/secret.js';
import { parseAnswer, secretSchema } from '../answers.js';
import type { CredentialNeed, Issued, TokenVault } from '../leases.js';

/** Keys of AWS. */
export interface AwsLogin {
  accessKeyId: string;
  secretAccessKey: Secret;
  /** Null for an IAM user's. */
  sessionToken: Secret | null;
}

/** A statement of an IAM policy that allows what one action does. */
export interface AllowStatement {
  Action: readonly string[];
  Resource: readonly string[];
  Condition?: Readonly<Record<string, JsonObject>>;
}

export interface AwsNeed {
  /** In lower case. */
  actionId: string;
  purpose: 'preview' | 'execute';
  tokenRole: string;
  mount: string;
  rolePrefix: string;
  /** Whose session, or bounded by what, when Vault makes a user. */
  as: { type: 'assumed_role'; roleArn: string } | { type: 'iam_user'; permissionsBoundaryArn: string };
  /** All that the credential may do. */
  allow: readonly AllowStatement[];
  /** Actions that it may not do all the same, on whatever. Default: none. */
  deny?: readonly string[];
}

// AWS's shortest and longest session: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
const SESSION_SECONDS = { least: 900, most: 43_200 };
// AWS's limit for a session policy, and for all inline policies of a user.
const POLICY_CHARS = 2_048;

const tokenSchema = z.object({ data: z.object({ expire_time: z.iso.datetime({ offset: true }) }) });

/** What Vault's AWS engine answers. */
export const awsAnswerSchema = z.object({
  lease_id: z.string().min(1).max(500),
  lease_duration: z.number().positive(),
  data: z.object({
    access_key: z.string().regex(/^[A-Z0-9]{16,128}$/),
    secret_key: secretSchema,
    session_token: secretSchema.nullable(),
  }),
});

/** The Vault role that is made for one action, and removed again as soon as the credential is issued. */
export function vaultRoleOf({
  rolePrefix,
  purpose,
  actionId,
}: Pick<AwsNeed, 'rolePrefix' | 'purpose' | 'actionId'>): string {
  return `${rolePrefix}.${purpose}.${actionId.toLowerCase()}`;
}

/** The name by which AWS knows the credential: of a session; of a user it is the path below which Vault makes it. */
export function awsNameOf({
  as: { type },
  actionId,
  purpose,
}: Pick<AwsNeed, 'actionId' | 'purpose'> & { as: { type: AwsNeed['as']['type'] } }): string {
  const id = actionId.toLowerCase();
  return type === 'assumed_role' ? `countersign-${id}-${purpose}` : `/countersign/${id}/${purpose}/`;
}

/** Requests that a child token makes, and the one that it keeps: with its last use Vault would end the lease. */
export const AWS_TOKEN_USES = 5;

/**
 * A session or user of AWS for one action alone: a Vault role is written with a policy for this action, which allows
 * nothing after the token's own end; then read; then removed. See docs/adr/0017.
 */
export function awsLogin(need: AwsNeed): CredentialNeed<AwsLogin> {
  const role = vaultRoleOf(need);
  return {
    tokenRole: need.tokenRole,
    role: `${need.mount}/creds/${role}`,
    issue: (vault) => issue(vault, need, role),
  };
}

async function issue(vault: TokenVault, need: AwsNeed, role: string): Promise<Issued<AwsLogin>> {
  const self = 'auth/token/lookup-self';
  const { expire_time: endsAt } = parseAnswer(tokenSchema, await vault.read(self), self).data;
  const policy = policyUntil(need, endsAt);
  const rolePath = `${need.mount}/roles/${role}`;
  const path = `${need.mount}/creds/${role}`;
  const username = awsNameOf(need);
  await vault.write(rolePath, { policy_document: policy, ...roleOf(need, username) });
  let isRemoved = false;
  try {
    const sessionName = need.as.type === 'assumed_role' ? { role_session_name: username } : {};
    const answer = parseAnswer(
      awsAnswerSchema,
      await vault.write(path, { ttl: `${String(sessionSeconds(endsAt))}s`, ...sessionName }),
      path,
    );
    await vault.delete(rolePath);
    isRemoved = true;
    const { access_key: accessKeyId, secret_key: secretAccessKey, session_token: sessionToken } = answer.data;
    const material = { accessKeyId, secretAccessKey, sessionToken };
    return { leaseId: answer.lease_id, seconds: answer.lease_duration, username, material };
  } finally {
    // What went wrong is thrown; a role that stays is removed at the proof of the end.
    if (!isRemoved) await vault.delete(rolePath).catch(() => undefined);
  }
}

/** Until the token ends, as far as AWS takes that. */
function sessionSeconds(endsAt: string): number {
  const left = Math.ceil((Date.parse(endsAt) - Date.now()) / 1_000);
  return Math.min(Math.max(left, SESSION_SECONDS.least), SESSION_SECONDS.most);
}

function roleOf({ as }: AwsNeed, path: string): Record<string, string> {
  // Texts, not lists: Vault compares them with the `allowed_parameters` of the token's policy.
  return as.type === 'assumed_role'
    ? { credential_type: as.type, role_arns: as.roleArn }
    : { credential_type: as.type, permissions_boundary_arn: as.permissionsBoundaryArn, user_path: path };
}

/** @throws Refusal when it is longer than AWS takes. */
function policyUntil({ allow, deny = [] }: AwsNeed, endsAt: string): string {
  // Whole seconds, rounded down: AWS reads no fractions in every comparison.
  const until = `${new Date(endsAt).toISOString().slice(0, 19)}Z`;
  const statements = allow.map(({ Action, Resource, Condition }) => ({
    Effect: 'Allow',
    Action,
    Resource,
    Condition: { ...Condition, DateLessThan: { 'aws:CurrentTime': until } },
  }));
  const policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [...statements, ...(deny.length === 0 ? [] : [{ Effect: 'Deny', Action: deny, Resource: ['*'] }])],
  });
  if (policy.length <= POLICY_CHARS) return policy;
  throw new Refusal(
    'params_invalid',
    `The policy of this action's credential has ${policy.length} characters; AWS takes ${POLICY_CHARS}. List fewer identities in the target's ownIdentities.`,
  );
}
