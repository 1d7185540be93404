import { z } from 'zod';
import { nameSchema } from '../core/schemas/primitives.js';
import { isPrincipal, parseIamArn } from './aws/arn.js';
import { createAwsWitness } from './aws/witness.js';
import { isLoopback } from './postgres/connection.js';
import {
  childTokenRoles,
  targetBase,
  tokenRolesOf,
  vaultNameSchema,
  type TargetKind,
  type TargetProblem,
} from './target-kind.js';

const arnSchema = z.string().max(2_048).startsWith('arn:');

/** An AWS account whose IAM actions may change. IAM is one per account and partition: it has no region to name. */
export const awsTargetSchema = z.strictObject({
  kind: z.literal('aws'),
  ...targetBase,
  accountId: z.string().regex(/^\d{12}$/, 'must be an account id of 12 digits'),
  partition: z.enum(['aws', 'aws-cn', 'aws-us-gov']),
  /** For tests: another IAM endpoint, on loopback only. Default: the partition's own. */
  endpoint: z.url().max(200).optional(),
  /** What Vault issues; see docs/adr/0017. */
  credentials: z.discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('assumed_role'),
      /** May read IAM, and nothing else. */
      previewRoleArn: arnSchema,
      executeRoleArn: arnSchema,
    }),
    /** Where Vault cannot assume roles. */
    z.strictObject({
      type: z.literal('iam_user'),
      /** Bounds every user that Vault makes for an action. */
      permissionsBoundaryArn: arnSchema,
      /** Vault role of the witness, which may list users: it asks whether they are gone. */
      witnessRole: vaultNameSchema,
    }),
  ]),
  vault: z.strictObject({
    mount: vaultNameSchema,
    /** Of the Vault roles that are made for single actions: `<prefix>.execute.<action id>`. */
    rolePrefix: vaultNameSchema,
    ...childTokenRoles,
  }),
  /**
   * By agent: ARNs of the IAM users, groups and roles that the agent or its owner acts as. A change to the permissions
   * of one of them is critical. An agent without an entry is flagged: nobody knows what is its own.
   */
  ownIdentities: z.record(nameSchema, z.array(arnSchema).min(1).max(20)),
});
export type AwsTarget = z.infer<typeof awsTargetSchema>;

export const targetKind: TargetKind<AwsTarget> = {
  kind: 'aws',
  cedarType: 'AwsAccount',
  schema: awsTargetSchema,

  findProblems(target) {
    const problems: TargetProblem[] = [];
    if (target.endpoint !== undefined && !isLoopback(new URL(target.endpoint).hostname.replace(/^\[|\]$/g, ''))) {
      const message = `names the endpoint ${target.endpoint}, which is not on loopback: leave it out for AWS`;
      problems.push({ field: ['endpoint'], message });
    }
    const { credentials } = target;
    const check = (field: PropertyKey[], arn: string, isFit: boolean, what: string): void => {
      if (isFit) return;
      problems.push({ field, message: `: "${arn}" is not the ARN of ${what} in account ${target.accountId}` });
    };
    if (credentials.type === 'assumed_role') {
      for (const name of ['previewRoleArn', 'executeRoleArn'] as const) {
        const isRole = parseIamArn(credentials[name], target)?.kind === 'role';
        check(['credentials', name], credentials[name], isRole, 'a role');
      }
    } else {
      const { permissionsBoundaryArn: boundary } = credentials;
      const isPolicy = parseIamArn(boundary, target)?.kind === 'policy';
      check(['credentials', 'permissionsBoundaryArn'], boundary, isPolicy, 'a policy');
    }
    for (const [agent, arns] of Object.entries(target.ownIdentities)) {
      for (const [position, arn] of arns.entries()) {
        const field = ['ownIdentities', agent, position];
        check(field, arn, isPrincipal(parseIamArn(arn, target)), 'a user, group or role');
      }
    }
    return problems;
  },

  exclusives: ({ accountId, partition, vault }) => [
    { field: ['accountId'], key: `AWS account ${partition}/${accountId}` },
    { field: ['vault', 'rolePrefix'], key: `prefix of Vault roles ${vault.mount}/${vault.rolePrefix}` },
  ],

  tokenRoles: ({ vault }) => tokenRolesOf(vault),
  createWitness: createAwsWitness,
};
