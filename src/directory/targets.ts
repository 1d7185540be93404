import { z } from 'zod';
import { nameSchema } from '../core/schemas/primitives.js';

// A Vault path segment; whitelisted, because HTTP clients normalise `..` before Vault sees it.
const vaultNameSchema = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/);

/** A PostgreSQL database that actions may touch. */
export const postgresTargetSchema = z.strictObject({
  kind: z.literal('postgres'),
  name: nameSchema,
  environment: nameSchema,
  /** People who own the data: shown to reviewers. */
  owners: z.array(nameSchema).max(50),
  host: z.string().max(253),
  port: z.int().min(1).max(65_535),
  database: z.string().min(1).max(63),
  /** `disable` only for loopback. */
  tls: z.enum(['verify-full', 'disable']),
  vault: z.strictObject({
    mount: vaultNameSchema,
    /** Vault database roles. */
    previewRole: vaultNameSchema,
    executeRole: vaultNameSchema,
    /** Login only: for the witness that asks whether users and sessions are gone. */
    witnessRole: vaultNameSchema,
    /** Vault token roles for the per-action child tokens. */
    previewTokenRole: vaultNameSchema,
    executeTokenRole: vaultNameSchema,
  }),
  /** Functions that queries may call beyond the built-in list, e.g. `public.mask_email`. */
  allowedFunctions: z.array(z.string().max(130)).max(200),
  /** Business hours, for the "unusual hour" flag. */
  hours: z.strictObject({ timeZone: z.string().max(64), from: z.int().min(0).max(23), to: z.int().min(1).max(24) }),
});

export const targetSchema = z.discriminatedUnion('kind', [postgresTargetSchema]);
export type Target = z.infer<typeof targetSchema>;
export type PostgresTarget = z.infer<typeof postgresTargetSchema>;
