import pg from 'pg';
import { migrations } from '../../../src/record/postgres/migrations.js';
import { failed, ok, reasonOf, skipped, unreachable, type Finding } from './finding.js';

const TIMEOUT_MS = 10_000;

/** The record: reachable, migrated, and as a role that can append but neither change nor delete. */
export async function checkPostgres(url: string | undefined): Promise<Finding[]> {
  if (url === undefined) return [skipped('PostgreSQL', 'COUNTERSIGN_RECORD_URL')];
  const client = recordClient(url);
  try {
    await client.connect();
  } catch (error) {
    return [whyNotConnected(reasonOf(error))];
  }
  try {
    const { rows } = await client.query<{ version: string; role: string }>(
      "select current_setting('server_version') as version, current_user as role",
    );
    const reached = ok('PostgreSQL', `version ${rows[0]?.version ?? '?'}, as ${rows[0]?.role ?? '?'}`);
    const migrated = await checkMigrations(client);
    return migrated.status === 'ok' ? [reached, migrated, await checkRole(client)] : [reached, migrated];
  } catch (error) {
    return [unreachable('PostgreSQL', `the record stopped answering (${reasonOf(error)})`, 'See its log.')];
  } finally {
    await client.end();
  }
}

/** Not yet connected. */
export function recordClient(url: string): pg.Client {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
    application_name: 'countersign-doctor',
  });
  client.on('error', () => undefined); // reported by the query that meets it
  return client;
}

// https://www.postgresql.org/docs/current/errcodes-appendix.html
function whyNotConnected(reason: string): Finding {
  const what = 'PostgreSQL';
  if (reason.startsWith('28')) {
    const advice = 'Mend COUNTERSIGN_RECORD_URL: role and password, or which hosts the server lets in.';
    return failed(what, `the server refuses this login (${reason})`, advice);
  }
  if (reason === '3D000' || reason === '42501') {
    const advice = 'Mend COUNTERSIGN_RECORD_URL: the database, or grant the role CONNECT on it.';
    return failed(what, `the server has no such database for this role (${reason})`, advice);
  }
  const advice = 'Start it, or mend COUNTERSIGN_RECORD_URL: address, role, password.';
  return unreachable(what, `the record cannot be reached (${reason})`, advice);
}

const MIGRATE = 'Run the migrations of this release as an administrator.';

async function checkMigrations(client: pg.Client): Promise<Finding> {
  const what = 'PostgreSQL: migrations';
  const { rows } = await client.query<{ statements: boolean; readable: boolean | null }>(
    `select to_regclass('countersign.statements') is not null as statements,
       has_table_privilege(to_regclass('countersign.migrations'), 'select') as readable`,
  );
  if (rows[0]?.statements !== true) return failed(what, 'the record has no tables', MIGRATE);
  if (rows[0].readable !== true) return ok(what, 'the tables are there (their number is not shown to this role)');
  const applied = await client.query<{ number: number }>('select number from countersign.migrations');
  const numbers = new Set(applied.rows.map(({ number }) => number));
  const missing = migrations.filter(({ number }) => !numbers.has(number)).map(({ name }) => name);
  if (missing.length === 0) return ok(what, `all ${String(migrations.length)} are applied`);
  return failed(what, `not applied: ${missing.join(', ')}`, MIGRATE);
}

async function checkRole(client: pg.Client): Promise<Finding> {
  const what = 'PostgreSQL: role';
  const { rows } = await client.query<{ superuser: boolean; reads: boolean; alters: boolean }>(
    `select rolsuper as superuser,
       has_table_privilege('countersign.statements', 'select') as reads,
       has_table_privilege('countersign.statements', 'update, delete, truncate') as alters
     from pg_roles where rolname = current_user`,
  );
  const [role] = rows;
  const advice = "Use the process's own role, as the migrations make it.";
  if (role?.superuser === true) return failed(what, 'it is a superuser', advice);
  if (role?.alters === true) return failed(what, 'it may change statements on record', advice);
  if (role?.reads !== true) return failed(what, 'it may not read the record', advice);
  return ok(what, 'it may read the record and not alter it');
}
