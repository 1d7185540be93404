import { z } from 'zod';
import { Refusal } from '../../core/errors.js';
import { canonicalJson } from '../../core/json.js';
import { jsonObjectSchema, nameSchema } from '../../core/schemas/primitives.js';
import type { AwsTarget } from '../../targets/aws.js';
import { parseDocument } from './document.js';

/** AWS's limit for a managed policy, white space not counted: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const DOCUMENT_CHARS = 6_144;

const policyArnSchema = z
  .string()
  .regex(
    /^arn:aws(-cn|-us-gov)?:iam::(\d{12}|aws):policy\/([\x21-\x7e]{1,510}\/)?[\w+=,.@-]{1,128}$/,
    'must be the ARN of a managed policy',
  );

const principalSchema = z.strictObject({
  kind: z.enum(['role', 'user', 'group']),
  /** Without its path. */
  name: z.string().regex(/^[\w+=,.@-]{1,128}$/, 'must be the plain name of a role, user or group'),
});

const attachmentFields = { target: nameSchema, policyArn: policyArnSchema, principal: principalSchema };

/** What an agent asks for: one change of one managed policy, or of where it is attached. */
export const paramsSchema = z.discriminatedUnion('change', [
  z.strictObject({
    change: z.literal('set_policy'),
    target: nameSchema,
    policyArn: policyArnSchema,
    /** The whole new document, at most 6,144 characters as JSON without white space. */
    document: jsonObjectSchema.refine((document) => canonicalLength(document) <= DOCUMENT_CHARS, {
      error: `must be at most ${String(DOCUMENT_CHARS)} characters as JSON without white space`,
    }),
  }),
  z.strictObject({ change: z.literal('attach'), ...attachmentFields }),
  z.strictObject({ change: z.literal('detach'), ...attachmentFields }),
]);
export type AwsIamPolicyParams = z.infer<typeof paramsSchema>;
export type SetPolicy = Extract<AwsIamPolicyParams, { change: 'set_policy' }>;
export type ChangeAttachment = Exclude<AwsIamPolicyParams, SetPolicy>;

/**
 * What can be said without asking AWS.
 * @throws Refusal naming the field.
 */
export function checkParams(params: AwsIamPolicyParams, { partition, accountId, name }: AwsTarget): void {
  const [, itsPartition, , , account] = params.policyArn.split(':');
  const isOurs = account === accountId || (account === 'aws' && params.change !== 'set_policy');
  if (itsPartition !== partition || !isOurs) {
    const which =
      account === 'aws' ? 'belongs to AWS, which alone changes it' : `is not in ${name}, account ${accountId}`;
    throw new Refusal('params_invalid', `The policy ${which}.`, 'params.policyArn');
  }
  if (params.change !== 'set_policy') return;
  const parsed = parseDocument(params.document);
  if (!parsed.ok) throw new Refusal('params_invalid', parsed.message, `params.document${parsed.path}`);
}

function canonicalLength(document: unknown): number {
  try {
    return canonicalJson(document).length;
  } catch {
    return Number.POSITIVE_INFINITY; // half of a surrogate pair, or nested too deeply
  }
}
