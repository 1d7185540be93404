import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { namesOf } from '../../apps/devstack/installation/names.js';
import { asAdmin, createDatabase, dropDatabasesAndRoles } from '../../apps/devstack/installation/postgres-admin.js';
import { USERNAME_TEMPLATE } from '../../apps/devstack/installation/vault-targets.js';
import {
  REVOCATION_STATEMENTS,
  vaultAdminStatements,
  witnessCreationStatements,
  witnessGroupStatements,
} from '../../src/operations/database-export/vault-role.js';
import { stateReaderStatements, stateWriterStatements } from '../../src/operations/infra-apply/vault-role.js';
import type { ProviderCredentials } from '../../src/targets/infra/provider-credentials.js';
import type { TestInstallation } from './installation.js';

/** A database that providers log in to, with the table `items`, and Vault's roles that read and write it. */
export interface ProviderDatabase {
  credentials: NonNullable<ProviderCredentials['postgres']>;
  /** Paths of the three database roles. */
  paths: { preview: string; execute: string; witness: string };
  /** Users with the action's id in their name. */
  usersOf(actionId: string): Promise<string[]>;
  remove(): Promise<void>;
}

export async function startProviderDatabase(
  { name, vaultAdmin }: TestInstallation,
  called: string,
): Promise<ProviderDatabase> {
  const { adminUrl } = inject('services').postgres;
  const { hostname: host, port } = new URL(adminUrl);
  const { target, databaseMount: mount } = namesOf(name);
  const {
    database,
    reader,
    owner: writer,
    witness,
    vaultLogin,
    previewRole,
    executeRole,
    witnessRole,
  } = target(called);
  const password = randomBytes(24).toString('base64url');
  await createDatabase(adminUrl, database);
  const inDatabase = <T>(work: (client: pg.Client) => Promise<T>): Promise<T> => asAdmin(adminUrl, database, work);
  await inDatabase(async (client) => {
    for (const statement of [
      'CREATE TABLE public.items (name text PRIMARY KEY)',
      `CREATE ROLE ${reader} NOLOGIN`,
      `CREATE ROLE ${writer} NOLOGIN`,
      `GRANT SELECT ON public.items TO ${reader}, ${writer}`,
      `GRANT INSERT ON public.items TO ${writer}`,
      ...witnessGroupStatements(witness),
      ...vaultAdminStatements(vaultLogin, [reader, writer, witness]),
      `ALTER ROLE ${vaultLogin} PASSWORD ${pg.escapeLiteral(password)}`,
      `GRANT CONNECT ON DATABASE ${database} TO ${reader}, ${writer}, ${witness}, ${vaultLogin}`,
    ])
      await client.query(statement);
  });
  const roles = [
    { role: previewRole, creation: stateReaderStatements(reader) },
    { role: executeRole, creation: stateWriterStatements(writer) },
    { role: witnessRole, creation: witnessCreationStatements(witness) },
  ];
  await vaultAdmin.write(`${mount}/config/${database}`, {
    plugin_name: 'postgresql-database-plugin',
    connection_url: `postgresql://{{username}}:{{password}}@${host}:${port}/${database}?sslmode=disable`,
    username: vaultLogin,
    password,
    allowed_roles: roles.map(({ role }) => role),
    username_template: USERNAME_TEMPLATE,
  });
  for (const { role, creation } of roles) {
    await vaultAdmin.write(`${mount}/roles/${role}`, {
      db_name: database,
      creation_statements: creation,
      revocation_statements: REVOCATION_STATEMENTS,
      default_ttl: '300s',
      max_ttl: '300s',
    });
  }
  const pathOf = (role: string): string => `${mount}/creds/${role}`;
  return {
    credentials: { host, port: Number(port), database, tls: 'disable', mount, previewRole, executeRole, witnessRole },
    paths: { preview: pathOf(previewRole), execute: pathOf(executeRole), witness: pathOf(witnessRole) },
    usersOf: (actionId) =>
      inDatabase(async (client) => {
        const named = 'select rolname from pg_roles where strpos(rolname, $1) > 0';
        return (await client.query<{ rolname: string }>(named, [actionId.toLowerCase()])).rows.map(
          ({ rolname }) => rolname,
        );
      }),
    async remove() {
      for (const { role } of roles) {
        await vaultAdmin.write(`sys/leases/revoke-prefix/${pathOf(role)}`, { sync: true });
        await vaultAdmin.delete(`${mount}/roles/${role}`);
      }
      await vaultAdmin.delete(`${mount}/config/${database}`);
      await dropDatabasesAndRoles(adminUrl, [database], `${database}_`);
    },
  };
}
