import { randomBytes } from 'node:crypto';
import pg from 'pg';
import {
  REVOCATION_STATEMENTS,
  vaultAdminStatements,
  witnessCreationStatements,
  witnessGroupStatements,
} from '../../../src/operations/database-export/vault-role.js';
import {
  stateReaderStatements,
  stateStatements,
  stateWriterStatements,
} from '../../../src/operations/infra-apply/vault-role.js';
import type { InfraTarget } from '../../../src/targets/infra.js';
import type { VaultClient } from '../../../src/vault/client.js';
import type { Names, TargetNames } from './names.js';
import { asAdmin, createDatabase, dropDatabasesAndRoles } from './postgres-admin.js';
import { leasePolicy } from './vault-policies/lease.js';
import { USERNAME_TEMPLATE } from './vault-targets.js';

export interface InfraOptions {
  admin: VaultClient;
  adminUrl: string;
  names: Names;
  maxTtlSeconds: number;
}

/** A workspace, as the installation makes it. */
export type InfraSpec = Pick<InfraTarget, 'name' | 'environment' | 'sources'> &
  Partial<
    Pick<
      InfraTarget,
      'owners' | 'providerCredentials' | 'modules' | 'providers' | 'providerMirror' | 'variables' | 'allowHttpData'
    >
  >;

export interface InstalledInfra {
  target: InfraTarget;
  /** Vault ACL policies of the child tokens, by token role. */
  policies: Readonly<Record<string, string>>;
  /** Paths of the three database roles. */
  paths: { preview: string; execute: string; witness: string };
  /** Removes database and roles, in PostgreSQL and Vault; token roles are their maker's. */
  uninstall(): Promise<void>;
}

const WITNESS_TTL_SECONDS = 300;

/** Makes a database for a workspace's state, and what Vault leases to read and to write it. */
export async function installInfra(options: InfraOptions, spec: InfraSpec): Promise<InstalledInfra> {
  const { admin, adminUrl, names } = options;
  const own = names.target(spec.name);
  const writer = `${own.database}_writer`;
  const password = await installStateDatabase(options, own, writer);
  await connectVault(options, own, writer, password);
  const mount = names.databaseMount;
  const roles = [own.previewRole, own.executeRole, own.witnessRole];
  return {
    target: targetOf(options, own, spec),
    policies: {
      [own.previewTokenRole]: leasePolicy(names, own.previewRole),
      [own.executeTokenRole]: leasePolicy(names, own.executeRole),
    },
    paths: {
      preview: `${mount}/creds/${own.previewRole}`,
      execute: `${mount}/creds/${own.executeRole}`,
      witness: `${mount}/creds/${own.witnessRole}`,
    },
    async uninstall() {
      for (const role of roles) {
        await admin.write(`sys/leases/revoke-prefix/${mount}/creds/${role}`, { sync: true });
        await admin.delete(`${mount}/roles/${role}`);
      }
      await admin.delete(`${mount}/config/${own.database}`);
      await dropDatabasesAndRoles(adminUrl, [own.database], `${own.database}_`);
    },
  };
}

async function installStateDatabase({ adminUrl }: InfraOptions, own: TargetNames, writer: string): Promise<string> {
  const password = randomBytes(24).toString('base64url');
  const { database, reader, witness, vaultLogin } = own;
  await createDatabase(adminUrl, database);
  await asAdmin(adminUrl, database, async (client) => {
    for (const statement of [
      ...stateStatements({ schema: 'workspace', reader, writer }),
      ...witnessGroupStatements(witness),
      ...vaultAdminStatements(vaultLogin, [reader, writer, witness]),
      `ALTER ROLE ${vaultLogin} PASSWORD ${pg.escapeLiteral(password)}`,
      `GRANT CONNECT ON DATABASE ${database} TO ${reader}, ${writer}, ${witness}, ${vaultLogin}`,
    ])
      await client.query(statement);
  });
  return password;
}

async function connectVault(options: InfraOptions, own: TargetNames, writer: string, password: string): Promise<void> {
  const { admin, adminUrl, names, maxTtlSeconds } = options;
  const { hostname, port } = new URL(adminUrl);
  const { database, vaultLogin, previewRole, executeRole, witnessRole } = own;
  await admin.write(`${names.databaseMount}/config/${database}`, {
    plugin_name: 'postgresql-database-plugin',
    connection_url: `postgresql://{{username}}:{{password}}@${hostname}:${port}/${database}?sslmode=disable`,
    username: vaultLogin,
    password,
    allowed_roles: [previewRole, executeRole, witnessRole],
    password_authentication: 'scram-sha-256',
    username_template: USERNAME_TEMPLATE,
  });
  // From here on only Vault knows it.
  await admin.write(`${names.databaseMount}/rotate-root/${database}`, {});
  for (const [role, creation, ttlSeconds] of [
    [previewRole, stateReaderStatements(own.reader), maxTtlSeconds],
    [executeRole, stateWriterStatements(writer), maxTtlSeconds],
    [witnessRole, witnessCreationStatements(own.witness), WITNESS_TTL_SECONDS],
  ] as const) {
    await admin.write(`${names.databaseMount}/roles/${role}`, {
      db_name: database,
      creation_statements: creation,
      revocation_statements: REVOCATION_STATEMENTS,
      default_ttl: `${String(ttlSeconds)}s`,
      max_ttl: `${String(ttlSeconds)}s`,
    });
  }
}

function targetOf({ adminUrl, names }: InfraOptions, own: TargetNames, spec: InfraSpec): InfraTarget {
  const { hostname: host, port } = new URL(adminUrl);
  const { previewRole, executeRole, witnessRole, previewTokenRole, executeTokenRole } = own;
  return {
    kind: 'infra',
    owners: [],
    modules: [],
    providers: [],
    providerMirror: null,
    variables: [],
    allowHttpData: false,
    ...spec,
    hours: { timeZone: 'Europe/Berlin', from: 8, to: 18 },
    state: { host, port: Number(port), database: own.database, tls: 'disable', schema: 'workspace' },
    vault: { mount: names.databaseMount, previewRole, executeRole, witnessRole, previewTokenRole, executeTokenRole },
  };
}
