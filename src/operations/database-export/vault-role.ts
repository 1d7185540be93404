/**
 * What Vault's database engine needs in a PostgreSQL target. Vault fills in {{name}}, {{password}} and {{expiration}}
 * (https://developer.hashicorp.com/vault/api-docs/secret/databases/postgresql). PostgreSQL 16 or newer.
 */

const IDENTIFIER = /^[a-z_][a-z0-9_]{0,62}$/;

/** How many sessions a leased user may have: its own, one to cancel it, one to spare. */
const SESSIONS = 3;

/**
 * `creation_statements` of the preview and execute roles. The user owns nothing; all it may do is what `readerGroup` was
 * granted, and it may not become that group (SET FALSE), so nothing it made could outlive it.
 */
export function readerCreationStatements(readerGroup: string): string[] {
  return [
    loginRole(),
    `GRANT ${quoted(readerGroup)} TO "{{name}}" WITH INHERIT TRUE, SET FALSE, ADMIN FALSE`,
    // The operation sets these too; here they hold for whoever logs in with the credential.
    'ALTER ROLE "{{name}}" SET default_transaction_read_only = on',
    'ALTER ROLE "{{name}}" SET idle_in_transaction_session_timeout = \'60s\'',
    'ALTER ROLE "{{name}}" SET search_path = pg_catalog, public, pg_temp',
  ];
}

/** `creation_statements` of the witness role: it may log in and see who is logged in since when; it reads no table. */
export function witnessCreationStatements(witnessGroup: string): string[] {
  return [
    loginRole(),
    `GRANT ${quoted(witnessGroup)} TO "{{name}}" WITH INHERIT TRUE, SET FALSE, ADMIN FALSE`,
    'ALTER ROLE "{{name}}" SET default_transaction_read_only = on',
  ];
}

/**
 * Run once, as an administrator of the target: the group of the witness users. Without pg_read_all_stats PostgreSQL
 * hides when others' sessions began, and every session of a dropped user must count as the action's.
 */
export function witnessGroupStatements(witnessGroup: string): string[] {
  return [`CREATE ROLE ${quoted(witnessGroup)} NOLOGIN`, `GRANT pg_read_all_stats TO ${quoted(witnessGroup)}`];
}

/**
 * `revocation_statements` of all three. Without them Vault drops the user and its running query finishes. The order
 * matters: first no new session, then none of the old, then no user.
 */
export const REVOCATION_STATEMENTS: readonly string[] = [
  // Vault repeats a revocation that failed half way: each statement also succeeds when the user is gone.
  `DO $$ BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '{{name}}') THEN ALTER ROLE "{{name}}" NOLOGIN; END IF; END $$`,
  "SELECT pg_catalog.pg_terminate_backend(pid, 5000) FROM pg_catalog.pg_stat_activity WHERE usename = '{{name}}'",
  'DROP ROLE IF EXISTS "{{name}}"',
];

/**
 * Run once, as an administrator of the target: the role that Vault logs in as, which is no superuser. It may create
 * users, end their sessions (without pg_signal_backend a revocation fails and the session reads on), and pass on
 * membership in the groups of readers and witnesses (since PostgreSQL 16 that takes ADMIN on each), but not use them
 * itself. Its password is set apart, then rotated by Vault.
 */
export function vaultAdminStatements(admin: string, groups: readonly string[]): string[] {
  return [
    `CREATE ROLE ${quoted(admin)} LOGIN CREATEROLE NOSUPERUSER NOCREATEDB NOREPLICATION NOBYPASSRLS`,
    `GRANT pg_signal_backend TO ${quoted(admin)}`,
    ...groups.map((group) => `GRANT ${quoted(group)} TO ${quoted(admin)} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`),
  ];
}

/** The first of each `creation_statements`: a user with no right but to log in, for as long as the lease. */
export function loginRole(): string {
  return (
    `CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' INHERIT NOSUPERUSER NOCREATEDB ` +
    `NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT ${String(SESSIONS)}`
  );
}

/** @throws TypeError for what is no plain role name. */
export function quoted(role: string): string {
  if (!IDENTIFIER.test(role)) throw new TypeError(`"${role}" is no plain role name: 1 to 63 of a-z 0-9 _`);
  return `"${role}"`;
}
