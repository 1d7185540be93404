import { gitLoginFor, type InfraTarget } from '../../targets/infra.js';
import { AWS_TOKEN_USES, awsLogin, type AwsLogin } from '../../vault/credentials/aws.js';
import { both } from '../../vault/credentials/both.js';
import { databaseLogin, type DatabaseLogin } from '../../vault/credentials/database.js';
import { alsoReading, type KeptLogin } from '../../vault/credentials/kept-secret.js';
import type { CredentialNeed, LeasedCredential } from '../../vault/leases.js';
import type { Secret } from '../../core/secret.js';
import type { InfraApplyParams } from './params.js';

/** The state's user, and what the providers of the target log in with. */
export interface InfraLogin extends DatabaseLogin {
  postgres?: { username: string; password: Secret };
  aws?: AwsLogin;
  /** For the repository of the request. */
  git?: KeptLogin;
}

type Purpose = 'preview' | 'execute';

/** All that one action needs, under one token. Whatever is for a preview may only read. */
export function infraLogin(
  purpose: Purpose,
  { actionId, params: { source }, target }: { actionId: string; params: InfraApplyParams; target: InfraTarget },
): CredentialNeed<InfraLogin> {
  const { vault, providerCredentials = {} } = target;
  const tokenRole = purpose === 'preview' ? vault.previewTokenRole : vault.executeTokenRole;
  const roleOf = (roles: { previewRole: string; executeRole: string }): string =>
    purpose === 'preview' ? roles.previewRole : roles.executeRole;
  const { aws, postgres } = providerCredentials;
  let need: CredentialNeed<InfraLogin> = databaseLogin({ tokenRole, mount: vault.mount, role: roleOf(vault) });
  if (postgres !== undefined) {
    const provider = databaseLogin({ tokenRole, mount: postgres.mount, role: roleOf(postgres) });
    need = both(need, provider, ({ material }, { username, material: { password } }) => ({
      ...material,
      postgres: { username, password },
    }));
  }
  if (aws !== undefined) {
    const roleArn = purpose === 'preview' ? aws.previewRoleArn : aws.executeRoleArn;
    const session = awsLogin({
      actionId: actionId.toLowerCase(),
      purpose,
      tokenRole,
      mount: aws.mount,
      rolePrefix: aws.rolePrefix,
      as: { type: 'assumed_role', roleArn },
      // All that the AWS role may do, but not beyond the end of the lease.
      allow: [{ Action: ['*'], Resource: ['*'] }],
      // A session got by this one would be bound neither by this policy nor by its end.
      deny: ['sts:AssumeRole', 'sts:AssumeRoot', 'sts:GetFederationToken'],
    });
    // The last: of all that is leased, a session alone cannot be ended early.
    need = both(need, session, ({ material }, { material: keys }) => ({ ...material, aws: keys }));
  }
  const kept = source.kind === 'git' ? gitLoginFor(target, source.repository) : undefined;
  return kept === undefined ? need : alsoReading(need, kept, ({ material }, git) => ({ ...material, git }));
}

/** To ask what came of an apply: the state's user alone, and nothing that providers log in with. */
export function stateLogin({ target: { vault } }: { target: InfraTarget }): CredentialNeed<InfraLogin> {
  const { executeTokenRole: tokenRole, mount, executeRole: role } = vault;
  return databaseLogin({ tokenRole, mount, role });
}

/** `token_num_uses` of a target's token roles: one for each request, and one that keeps the leases alive. */
export function infraTokenUses({ sources, providerCredentials: { aws, postgres } = {} }: InfraTarget): number {
  const reads = sources.gitLogins === undefined ? 0 : 1;
  return 2 + reads + (postgres === undefined ? 0 : 1) + (aws === undefined ? 0 : AWS_TOKEN_USES - 1);
}

/** By what names the tools of PostgreSQL and AWS find them in their environment. */
export function providerEnvironment(
  { providerCredentials = {} }: InfraTarget,
  { actionId, material }: { actionId: string; material: InfraLogin },
): Record<string, string> {
  const { aws, postgres } = providerCredentials;
  const environment: Record<string, string> = {};
  if (postgres !== undefined && material.postgres !== undefined) {
    Object.assign(environment, {
      PGHOST: postgres.host,
      PGPORT: String(postgres.port),
      PGDATABASE: postgres.database,
      PGSSLMODE: postgres.tls,
      PGAPPNAME: `countersign-${actionId}`,
      PGUSER: material.postgres.username,
      PGPASSWORD: material.postgres.password.reveal(),
    });
  }
  if (aws !== undefined && material.aws !== undefined) {
    const { accessKeyId, secretAccessKey, sessionToken } = material.aws;
    Object.assign(environment, {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey.reveal(),
      ...(sessionToken === null ? {} : { AWS_SESSION_TOKEN: sessionToken.reveal() }),
      ...(aws.region === undefined ? {} : { AWS_REGION: aws.region }),
      // The machine's own identity is nobody's here.
      AWS_EC2_METADATA_DISABLED: 'true',
    });
  }
  return environment;
}

/** Replaces what was leased, wherever a program printed it. */
export function withoutSecrets(text: string, { material }: Pick<LeasedCredential<InfraLogin>, 'material'>): string {
  const { password, postgres, aws, git } = material;
  const secrets = [password, git?.password, postgres?.password, aws?.secretAccessKey, aws?.sessionToken];
  return secrets.reduce<string>(
    (left, secret) => (secret === undefined || secret === null ? left : left.replaceAll(secret.reveal(), '[redacted]')),
    text,
  );
}
