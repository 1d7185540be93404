import pg from 'pg';

/** Runs work as PostgreSQL's administrator, in a database of the same server (default: the URL's own). */
export async function asAdmin<T>(
  adminUrl: string,
  database: string | null,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const url = new URL(adminUrl);
  if (database !== null) url.pathname = `/${database}`;
  const client = new pg.Client({ connectionString: url.href });
  client.on('error', () => undefined); // reported by the call that fails
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Makes a database that nobody but the named roles may connect to. */
export async function createDatabase(adminUrl: string, database: string): Promise<void> {
  await asAdmin(adminUrl, null, async (client) => {
    await client.query(`create database ${database}`);
    await client.query(`revoke all on database ${database} from public`);
  });
}

/** Removes databases, then roles with a prefix; sessions of both are ended. */
export async function dropDatabasesAndRoles(
  adminUrl: string,
  databases: readonly string[],
  rolePrefix: string,
): Promise<void> {
  await asAdmin(adminUrl, null, async (client) => {
    for (const database of databases) await client.query(`drop database if exists ${database} with (force)`);
    const { rows } = await client.query<{ rolname: string }>(
      "select rolname from pg_roles where rolname like $1 || '%'",
      [rolePrefix.replaceAll('_', '\\_')],
    );
    // All in one: roles that granted memberships to each other go only together.
    const roles = rows.map(({ rolname }) => pg.escapeIdentifier(rolname)).join(', ');
    if (roles !== '') await client.query(`drop role if exists ${roles}`);
  });
}

/** A connection URL of one role. */
export function urlFor(adminUrl: string, database: string, role: string, password: string): string {
  const url = new URL(adminUrl);
  url.username = role;
  url.password = password;
  url.pathname = `/${database}`;
  return url.href;
}
