import { z } from 'zod';
import { Secret } from '../core/secret.js';
import type { VaultAnswer } from './client.js';
import { VaultFault } from './vault-fault.js';

/** A secret string: wrapped as soon as it is read. */
export const secretSchema = z
  .string()
  .min(1)
  .transform((value) => new Secret(value));

/** A wrapped answer: what it holds can be had once, by whoever comes first. */
export const wrapSchema = z.object({
  wrap_info: z.object({ token: secretSchema, creation_path: z.string(), wrapped_accessor: z.string().optional() }),
});

/** A new token. */
export const authSchema = z.object({
  auth: z.object({
    client_token: secretSchema,
    accessor: z.string().min(1),
    lease_duration: z.number(),
    renewable: z.boolean(),
    token_policies: z.array(z.string()),
  }),
});

/** What `auth/token/lookup-accessor` tells. */
export const accessorSchema = z.object({
  data: z.object({
    accessor: z.string(),
    role: z.string().optional(),
    creation_time: z.number(),
    meta: z.record(z.string(), z.string()).nullish(),
  }),
});

export const keysSchema = z.object({ data: z.object({ keys: z.array(z.string()) }) });

/** Parses an answer; what does not fit is a fault of Vault's that names fields, never values. */
export function parseAnswer<T>(schema: z.ZodType<T>, answer: VaultAnswer, request: string): T {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map((issue) => issue.path.join('.'));
  throw new VaultFault(request, 200, [`fields are missing or malformed: ${fields.join(', ')}`]);
}
