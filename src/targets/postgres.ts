import { z } from 'zod';
import { createPostgresWitness } from './postgres/witness.js';
import { isLoopback } from './postgres/connection.js';
import {
  childTokenRoles,
  targetBase,
  tokenRolesOf,
  vaultNameSchema,
  type TargetKind,
  type TargetProblem,
} from './target-kind.js';

/** A PostgreSQL role name: 1 to 63 bytes, without invisible characters. */
const roleNameSchema = z
  .string()
  .min(1)
  .refine((name) => Buffer.byteLength(name) <= 63 && !/\p{C}/u.test(name), 'must be a PostgreSQL role name');

const grantsSchema = z.strictObject({
  /** NOLOGIN role with the rights to grant: a leased user becomes it, so that nothing depends on that user. */
  admin: roleNameSchema,
  /** Further roles that no action may change, e.g. those of the record on the same server; `*` at the end stands for the rest. */
  protectedRoles: z.array(roleNameSchema).max(200),
  vault: z.strictObject({
    /** Vault database roles: one that reads catalogs only, and one that may become `admin`. */
    previewRole: vaultNameSchema,
    executeRole: vaultNameSchema,
    ...childTokenRoles,
  }),
});

/** A PostgreSQL database that actions may touch. */
export const postgresTargetSchema = z.strictObject({
  kind: z.literal('postgres'),
  ...targetBase,
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
    ...childTokenRoles,
  }),
  /** For `database.grant`; without it that operation is refused here. */
  grants: grantsSchema.optional(),
  /** Functions that queries may call beyond the built-in list, e.g. `public.mask_email`. */
  allowedFunctions: z.array(z.string().max(130)).max(200),
});
export type PostgresTarget = z.infer<typeof postgresTargetSchema>;

export const targetKind: TargetKind<PostgresTarget> = {
  kind: 'postgres',
  cedarType: 'Database',
  schema: postgresTargetSchema,

  findProblems({ tls, host, allowedFunctions }) {
    const problems: TargetProblem[] = [];
    if (tls === 'disable' && !isLoopback(host)) {
      const message = `disables TLS for host "${host}", which is not loopback: write verify-full`;
      problems.push({ field: ['tls'], message });
    }
    for (const [position, name] of allowedFunctions.entries()) {
      if (/^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$/.test(name)) continue;
      const message = `"${name}" must be schema.function in lower case, e.g. public.mask_email`;
      problems.push({ field: ['allowedFunctions', position], message });
    }
    return problems;
  },

  exclusives: ({ host, port, database, vault, grants }) => [
    // One database under two names could be asked for under the laxer one.
    { field: ['database'], key: `database ${host.toLowerCase()}:${String(port)}/${database}` },
    ...[...new Set([vault.previewRole, vault.executeRole])].map((role) => ({
      field: ['vault', role === vault.previewRole ? 'previewRole' : 'executeRole'],
      key: `Vault role ${vault.mount}/${role}`,
    })),
    ...(grants === undefined ? [] : (['previewRole', 'executeRole'] as const)).map((field) => ({
      field: ['grants', 'vault', field],
      key: `Vault role ${vault.mount}/${grants?.vault[field] ?? ''}`,
    })),
  ],

  tokenRoles: ({ vault, grants }) => [
    ...tokenRolesOf(vault),
    ...(grants === undefined ? [] : tokenRolesOf(grants.vault)),
  ],
  createWitness: createPostgresWitness,
};
