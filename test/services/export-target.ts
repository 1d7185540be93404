import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { ulid } from 'ulid';
import { startPostgres, type PostgresService } from '../../apps/devstack/services/postgres.js';
import { Secret } from '../../src/core/secret.js';
import { postgresTargetSchema, type PostgresTarget } from '../../src/targets/postgres.js';
import {
  readerCreationStatements,
  REVOCATION_STATEMENTS,
  vaultAdminStatements,
  witnessCreationStatements,
  witnessGroupStatements,
} from '../../src/operations/database-export/vault-role.js';
import type { DatabaseLogin } from '../../src/vault/credentials/database.js';
import type { LeasedCredential } from '../../src/vault/leases.js';

/** A lease as Vault would give it, by the statements that Vault would run, as the role that Vault would be. */
export interface TestLease {
  actionId: string;
  credential: LeasedCredential<DatabaseLogin>;
  revoke(): Promise<void>;
}

export interface ExportTarget {
  target: PostgresTarget;
  /** Runs SQL as the owner of the target's database. */
  asOwner<R extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<R[]>;
  lease(kind?: 'reader' | 'witness'): Promise<TestLease>;
  connectAsOwner(): Promise<pg.Client>;
  /** Opens a session with the credential itself, as a thief of it would. */
  connectAs(credential: LeasedCredential<DatabaseLogin>): Promise<pg.Client>;
  stop(): Promise<void>;
}

const SCHEMA = `
  CREATE ROLE orders_reader NOLOGIN;
  CREATE TYPE order_status AS ENUM ('open', 'paid');
  CREATE TYPE pair AS (a int, b int);
  CREATE TABLE customers (id int PRIMARY KEY, name varchar(80), email text, joined date);
  COMMENT ON COLUMN customers.joined IS 'personal: date of the first contract';
  CREATE TABLE orders (id bigint PRIMARY KEY, customer_id int, total numeric(12, 2), note text, tags jsonb, status order_status, placed_at timestamptz);
  CREATE TABLE salaries (id int);
  INSERT INTO customers VALUES (1, 'Ada', 'ada@example.org', '2020-01-01'), (2, 'Bob, "Jr"', '', NULL);
  INSERT INTO orders SELECT i, 1 + i % 2, i * 1.10, CASE WHEN i % 2 = 0 THEN 'a,b' END, '{"n": 1}', 'open', '2026-01-01 10:00+02' FROM generate_series(1, 1000) i;
  INSERT INTO salaries VALUES (1);
  CREATE VIEW order_emails AS SELECT o.id, o.total, c.email AS contact FROM orders o JOIN customers c ON c.id = o.customer_id;
  CREATE FUNCTION mask_email(text) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT regexp_replace($1, '^.*@', '***@') $$;
  CREATE FUNCTION leak() RETURNS bigint IMMUTABLE SECURITY DEFINER LANGUAGE sql AS $$ SELECT count(*) FROM salaries $$;
  CREATE FUNCTION leak_of(customers) RETURNS bigint SECURITY DEFINER LANGUAGE sql AS $$ SELECT count(*) FROM salaries $$;
  CREATE FUNCTION lower(int) RETURNS bigint SECURITY DEFINER LANGUAGE sql AS $$ SELECT count(*) FROM salaries $$;
  CREATE FUNCTION add_leak(text, int) RETURNS bigint SECURITY DEFINER LANGUAGE sql AS $$ SELECT count(*) FROM salaries $$;
  CREATE OPERATOR <<<< (LEFTARG = text, RIGHTARG = int, FUNCTION = add_leak);
  GRANT SELECT ON customers, orders, order_emails TO orders_reader;
  ANALYZE;`;

/** Starts a PostgreSQL of its own with a small shop in it, and Vault's administrator role set up as in production. */
export async function startExportTarget(): Promise<ExportTarget> {
  const service = await startPostgres();
  const owner = await connect(
    service,
    new URL(service.adminUrl).username,
    new URL(service.adminUrl).password,
    'postgres',
  );
  await owner.query('CREATE DATABASE shop');
  await owner.end();
  const { username, password } = new URL(service.adminUrl);
  const client = await connect(service, username, password, 'shop');
  await client.query(SCHEMA);
  for (const statement of [
    ...witnessGroupStatements('orders_witness'),
    ...vaultAdminStatements('vault_admin', ['orders_reader', 'orders_witness']),
  ])
    await client.query(statement);
  const adminPassword = randomBytes(12).toString('hex');
  await client.query(`ALTER ROLE vault_admin PASSWORD '${adminPassword}'`);
  const vault = await connect(service, 'vault_admin', adminPassword, 'shop');
  const run = async (statements: readonly string[], values: Record<string, string>): Promise<void> => {
    for (const statement of statements)
      await vault.query(statement.replace(/\{\{(\w+)\}\}/g, (_, name: string) => values[name] ?? ''));
  };
  const connectAs = async (credential: LeasedCredential<DatabaseLogin>): Promise<pg.Client> =>
    connect(service, credential.username, credential.material.password.reveal(), 'shop');
  return {
    target: targetAt(service),
    async asOwner<R extends pg.QueryResultRow>(sql: string, values: unknown[] = []) {
      return (await client.query<R>(sql, values)).rows;
    },
    async lease(kind = 'reader') {
      const actionId = ulid();
      const name = `cs-${actionId.toLowerCase()}-${randomBytes(3).toString('hex')}`;
      const secret = randomBytes(12).toString('hex');
      const expiresAtMs = Date.now() + 300_000;
      const values = { name, password: secret, expiration: new Date(expiresAtMs).toISOString() };
      await run(
        kind === 'reader' ? readerCreationStatements('orders_reader') : witnessCreationStatements('orders_witness'),
        values,
      );
      const credential = {
        accessor: 'a',
        leaseIds: ['l'],
        username: name,
        material: { password: new Secret(secret) },
        expiresAtMs,
      };
      return { actionId, credential, revoke: () => run(REVOCATION_STATEMENTS, values) };
    },
    connectAsOwner: () => connect(service, username, password, 'shop'),
    connectAs,
    async stop() {
      await Promise.allSettled([client.end(), vault.end()]);
      await service.stop();
    },
  };
}

function targetAt({ host, port }: PostgresService): PostgresTarget {
  return postgresTargetSchema.parse({
    kind: 'postgres',
    name: 'orders',
    environment: 'production',
    owners: ['dana'],
    host,
    port,
    database: 'shop',
    tls: 'disable',
    vault: {
      mount: 'database',
      previewRole: 'p',
      executeRole: 'e',
      witnessRole: 'w',
      previewTokenRole: 'tp',
      executeTokenRole: 'te',
    },
    allowedFunctions: ['public.mask_email'],
    hours: { timeZone: 'UTC', from: 0, to: 24 },
  });
}

async function connect(
  { host, port }: PostgresService,
  user: string,
  password: string,
  database: string,
): Promise<pg.Client> {
  const client = new pg.Client({ host, port, user, password, database });
  client.on('error', () => undefined); // the server ends sessions in these tests
  await client.connect();
  return client;
}
