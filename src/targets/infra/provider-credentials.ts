import { z } from 'zod';
import { isLoopback } from '../postgres/connection.js';
import { vaultNameSchema, type Exclusive, type TargetProblem } from '../target-kind.js';

const roleArnSchema = z
  .string()
  .max(500)
  .regex(/^arn:(aws|aws-cn|aws-us-gov):iam::\d{12}:role\/[\w+=,.@/-]{1,450}$/, 'must be the ARN of an IAM role');

/**
 * What the providers of a workspace log in with, leased for each action under the same token as the state's user. Each
 * kind is there once: its environment variables have one name.
 */
export const providerCredentialsSchema = z.strictObject({
  /** By Vault's AWS engine, as sessions of assumed roles: `AWS_ACCESS_KEY_ID` and its like. */
  aws: z
    .strictObject({
      mount: vaultNameSchema,
      /** Of the Vault roles that are made for single actions: `<prefix>.execute.<action id>`. */
      rolePrefix: vaultNameSchema,
      /** May read what a plan reads, and change nothing. */
      previewRoleArn: roleArnSchema,
      executeRoleArn: roleArnSchema,
      /** `AWS_REGION`. Default: the configuration says it. */
      region: z
        .string()
        .regex(/^[a-z]{2}(-[a-z]+)+-\d{1,2}$/, 'must be a region such as eu-central-1')
        .optional(),
    })
    .optional(),
  /** By Vault's database engine: `PGHOST`, `PGUSER` and their like. */
  postgres: z
    .strictObject({
      host: z.string().max(253),
      port: z.int().min(1).max(65_535),
      database: z.string().min(1).max(63),
      /** `disable` only for loopback. */
      tls: z.enum(['verify-full', 'disable']),
      mount: vaultNameSchema,
      /** Vault database role of users who may read what a plan reads, and change nothing. */
      previewRole: vaultNameSchema,
      executeRole: vaultNameSchema,
      /** Login only: for the witness that asks whether users and sessions are gone. */
      witnessRole: vaultNameSchema,
    })
    .optional(),
});
export type ProviderCredentials = z.infer<typeof providerCredentialsSchema>;

/** @param stateRoles Vault roles of the state's users: a credential is told from another by its role. */
export function findCredentialProblems(
  { aws, postgres }: ProviderCredentials,
  stateRoles: readonly string[],
): TargetProblem[] {
  const problems: TargetProblem[] = [];
  const report = (field: string[], message: string): void => {
    problems.push({ field: ['providerCredentials', ...field], message });
  };
  if (aws !== undefined && aws.previewRoleArn === aws.executeRoleArn)
    report(['aws', 'previewRoleArn'], 'is the role that executes: a plan would run with its rights');
  if (postgres === undefined) return problems;
  if (postgres.tls === 'disable' && !isLoopback(postgres.host)) {
    const message = `disables TLS for host "${postgres.host}", which is not loopback: write verify-full`;
    report(['postgres', 'tls'], message);
  }
  const roles = [...stateRoles, postgres.previewRole];
  if (stateRoles.includes(postgres.previewRole)) report(['postgres', 'previewRole'], 'is a role of the state');
  if (roles.includes(postgres.executeRole))
    report(['postgres', 'executeRole'], 'is a role of the state, or the one that previews');
  return problems;
}

/** What another target may not also name. */
export function credentialExclusives({ aws, postgres }: ProviderCredentials): Exclusive[] {
  const at = (...field: string[]): string[] => ['providerCredentials', ...field];
  return [
    ...(aws === undefined
      ? []
      : [{ field: at('aws', 'rolePrefix'), key: `prefix of Vault roles ${aws.mount}/${aws.rolePrefix}` }]),
    ...(postgres === undefined
      ? []
      : (['previewRole', 'executeRole'] as const).map((name) => ({
          field: at('postgres', name),
          key: `Vault role ${postgres.mount}/${postgres[name]}`,
        }))),
  ];
}
