import { z } from 'zod';
import { nameSchema } from '../../core/schemas/primitives.js';
import { POLICY_LIMITS } from './read-policy.js';

/** Vault keeps policy names in lower case: what is asked for is what is there. */
const policyNameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_.-]{0,120}$/, 'must be 1 to 121 of a-z 0-9 . _ - and begin with a letter or digit');

/** What an agent asks for: one ACL policy to be as it says, or to be gone. */
export const paramsSchema = z.discriminatedUnion('do', [
  z.strictObject({
    do: z.literal('set'),
    target: nameSchema,
    name: policyNameSchema,
    /** HCL or JSON. What is written is our own rendering of it, which people are shown. */
    document: z
      .string()
      .min(1)
      .refine((text) => Buffer.byteLength(text) <= POLICY_LIMITS.documentBytes, {
        error: `must be at most ${String(POLICY_LIMITS.documentBytes)} bytes`,
      }),
  }),
  z.strictObject({ do: z.literal('delete'), target: nameSchema, name: policyNameSchema }),
]);
export type VaultPolicyParams = z.infer<typeof paramsSchema>;
