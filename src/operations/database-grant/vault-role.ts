import { loginRole, quoted } from '../database-export/vault-role.js';

/**
 * What Vault's database engine needs in a PostgreSQL target for `database.grant`; `revocation_statements` are those of
 * database.export. PostgreSQL 16 or newer.
 */

/** `creation_statements` of the preview role: it may log in, and reads catalogs as everyone may. */
export function grantViewerCreationStatements(viewerGroup: string): string[] {
  return [
    loginRole(),
    `GRANT ${quoted(viewerGroup)} TO "{{name}}" WITH INHERIT TRUE, SET FALSE, ADMIN FALSE`,
    'ALTER ROLE "{{name}}" SET default_transaction_read_only = on',
  ];
}

/**
 * `creation_statements` of the execute role. By itself the user has no right at all; it may become the admin role, by whom
 * all grants are then made: they outlive the user, and nothing depends on it.
 */
export function granterCreationStatements(viewerGroup: string, adminGroup: string): string[] {
  return [
    ...grantViewerCreationStatements(viewerGroup),
    `GRANT ${quoted(adminGroup)} TO "{{name}}" WITH INHERIT FALSE, SET TRUE, ADMIN FALSE`,
    'ALTER ROLE "{{name}}" SET idle_in_transaction_session_timeout = \'60s\'',
  ];
}

/**
 * Run once, as an administrator of the target: the role that grants. It acts for the owners of what is granted, whose
 * rights it inherits, and may create roles; it is no superuser and owns nothing. `roles` are those that it may make others
 * members of.
 */
export function grantAdminStatements(
  admin: string,
  owners: readonly string[],
  roles: readonly string[] = [],
): string[] {
  return [
    `CREATE ROLE ${quoted(admin)} NOLOGIN CREATEROLE NOSUPERUSER NOCREATEDB NOREPLICATION NOBYPASSRLS`,
    ...owners.map((owner) => `GRANT ${quoted(owner)} TO ${quoted(admin)} WITH ADMIN FALSE, INHERIT TRUE, SET FALSE`),
    ...roles.map((role) => `GRANT ${quoted(role)} TO ${quoted(admin)} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`),
  ];
}
