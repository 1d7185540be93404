/**
 * What Vault's database engine needs in the database of a state. Vault fills in {{name}}, {{password}} and {{expiration}}
 * (https://developer.hashicorp.com/vault/api-docs/secret/databases/postgresql). PostgreSQL 16 or newer. Witness, Vault's own
 * login and the revocation are those of `database-export/vault-role.ts`.
 */

const IDENTIFIER = /^[a-z_][a-z0-9_]{0,62}$/;

/** How many sessions a leased user may have: OpenTofu takes up to four, we one. */
const SESSIONS = 8;

/**
 * Run once, as an administrator of the database: what OpenTofu's `pg` backend would make itself, had it the right
 * (https://opentofu.org/docs/language/settings/backends/pg/), and the groups of those who may read and write it.
 */
export function stateStatements({
  schema,
  reader,
  writer,
}: {
  schema: string;
  reader: string;
  writer: string;
}): string[] {
  const [inSchema, readers, writers] = [quoted(schema), quoted(reader), quoted(writer)];
  return [
    `CREATE SCHEMA ${inSchema}`,
    // One sequence for the whole database: locks are held on its numbers.
    'CREATE SEQUENCE IF NOT EXISTS public.global_states_id_seq AS bigint',
    `CREATE TABLE ${inSchema}.states (id bigint NOT NULL DEFAULT nextval('public.global_states_id_seq') PRIMARY KEY, name text UNIQUE, data text)`,
    `CREATE UNIQUE INDEX states_by_name ON ${inSchema}.states (name)`,
    `CREATE ROLE ${readers} NOLOGIN`,
    `CREATE ROLE ${writers} NOLOGIN`,
    `GRANT USAGE ON SCHEMA ${inSchema} TO ${readers}, ${writers}`,
    `GRANT SELECT ON ${inSchema}.states TO ${readers}`,
    `GRANT SELECT, INSERT, UPDATE ON ${inSchema}.states TO ${writers}`,
    `GRANT USAGE ON SEQUENCE public.global_states_id_seq TO ${writers}`,
  ];
}

/** `creation_statements` of the preview role. The state's lock is an advisory one: it takes no right to write. */
export function stateReaderStatements(group: string): string[] {
  return [...stateWriterStatements(group), 'ALTER ROLE "{{name}}" SET default_transaction_read_only = on'];
}

/** `creation_statements` of the execute role. The user owns nothing and may not become the group. */
export function stateWriterStatements(group: string): string[] {
  return [
    `CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' INHERIT NOSUPERUSER NOCREATEDB ` +
      `NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT ${String(SESSIONS)}`,
    `GRANT ${quoted(group)} TO "{{name}}" WITH INHERIT TRUE, SET FALSE, ADMIN FALSE`,
  ];
}

function quoted(role: string): string {
  if (!IDENTIFIER.test(role)) throw new TypeError(`"${role}" is no plain name: 1 to 63 of a-z 0-9 _`);
  return `"${role}"`;
}
