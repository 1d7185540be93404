import type { VaultClient } from '../../../src/vault/client.js';
import type { PostgresTarget } from '../../../src/targets/postgres.js';
import {
  readerCreationStatements,
  REVOCATION_STATEMENTS,
  witnessCreationStatements,
} from '../../../src/operations/database-export/vault-role.js';
import {
  granterCreationStatements,
  grantViewerCreationStatements,
} from '../../../src/operations/database-grant/vault-role.js';
import { recordRoles } from '../../../src/record/postgres/migrations.js';
import type { Names, TargetNames, TargetSpec } from './names.js';
import { leasePolicy } from './vault-policies/lease.js';

export interface VaultTargetOptions {
  admin: VaultClient;
  names: Names;
  /** `host` as Vault reaches it, `targetHost` as the processes do. */
  postgres: { host: string; port: number; targetHost: string };
  maxTtlSeconds: number;
}

const WITNESS_TTL_SECONDS = 300;

// Vault puts "token-" before a token's display name. The name keeps the action's id, which the target's own log then shows.
export const USERNAME_TEMPLATE =
  '{{ printf "cs-%s-%s" (.DisplayName | replace "token-" "" | truncate 26) (random 10 | lowercase) }}';

/** Sets up Vault's database engine and the token roles for one target. */
export async function installVaultTarget(
  options: VaultTargetOptions,
  spec: TargetSpec,
  vaultPassword: string,
): Promise<PostgresTarget> {
  const { names, postgres } = options;
  const target = names.target(spec.name);
  await connect(options, target, vaultPassword);
  await createDatabaseRoles(options, target);
  await createTokenRoles(options, target);
  const { gateway, worker, executor, notary } = recordRoles(names.recordRolePrefix);
  return {
    kind: 'postgres',
    name: spec.name,
    environment: spec.environment,
    owners: [],
    host: postgres.targetHost,
    port: postgres.port,
    database: target.database,
    tls: 'disable',
    vault: {
      mount: names.databaseMount,
      previewRole: target.previewRole,
      executeRole: target.executeRole,
      witnessRole: target.witnessRole,
      previewTokenRole: target.previewTokenRole,
      executeTokenRole: target.executeTokenRole,
    },
    grants: {
      admin: target.granter,
      protectedRoles: [gateway, worker, executor, notary],
      vault: {
        previewRole: target.grantPreviewRole,
        executeRole: target.grantExecuteRole,
        previewTokenRole: target.grantPreviewTokenRole,
        executeTokenRole: target.grantExecuteTokenRole,
      },
    },
    allowedFunctions: [],
    hours: { timeZone: 'Europe/Berlin', from: 8, to: 18 },
  };
}

async function createDatabaseRoles(options: VaultTargetOptions, target: TargetNames): Promise<void> {
  const { maxTtlSeconds } = options;
  const reading = { creation: readerCreationStatements(target.reader), ttlSeconds: maxTtlSeconds };
  await createDatabaseRole(options, target, { role: target.previewRole, ...reading });
  await createDatabaseRole(options, target, { role: target.executeRole, ...reading });
  await createDatabaseRole(options, target, {
    role: target.witnessRole,
    creation: witnessCreationStatements(target.witness),
    ttlSeconds: WITNESS_TTL_SECONDS,
  });
  await createDatabaseRole(options, target, {
    role: target.grantPreviewRole,
    creation: grantViewerCreationStatements(target.grantViewer),
    ttlSeconds: maxTtlSeconds,
  });
  await createDatabaseRole(options, target, {
    role: target.grantExecuteRole,
    creation: granterCreationStatements(target.grantViewer, target.granter),
    ttlSeconds: maxTtlSeconds,
  });
}

async function createTokenRoles(
  { admin, names, maxTtlSeconds }: VaultTargetOptions,
  target: TargetNames,
): Promise<void> {
  for (const [tokenRole, role] of [
    [target.previewTokenRole, target.previewRole],
    [target.executeTokenRole, target.executeRole],
    [target.grantPreviewTokenRole, target.grantPreviewRole],
    [target.grantExecuteTokenRole, target.grantExecuteRole],
  ] as const) {
    await admin.write(`sys/policies/acl/${tokenRole}`, { policy: leasePolicy(names, role) });
    await admin.write(`auth/token/roles/${tokenRole}`, {
      allowed_policies: [tokenRole],
      orphan: true,
      renewable: false,
      token_no_default_policy: true,
      token_explicit_max_ttl: `${String(maxTtlSeconds)}s`,
      // With 1, reading the credential would end the token and with it the lease.
      token_num_uses: 2,
      token_type: 'service',
    });
  }
}

async function connect(
  { admin, names, postgres }: VaultTargetOptions,
  target: TargetNames,
  password: string,
): Promise<void> {
  const { database, vaultLogin, previewRole, executeRole, witnessRole, grantPreviewRole, grantExecuteRole } = target;
  const { host, port } = postgres;
  await admin.write(`${names.databaseMount}/config/${database}`, {
    plugin_name: 'postgresql-database-plugin',
    connection_url: `postgresql://{{username}}:{{password}}@${host}:${String(port)}/${database}?sslmode=disable`,
    username: vaultLogin,
    password,
    allowed_roles: [previewRole, executeRole, witnessRole, grantPreviewRole, grantExecuteRole],
    // The password reaches the server hashed: its statement log never shows it.
    password_authentication: 'scram-sha-256',
    username_template: USERNAME_TEMPLATE,
    max_open_connections: 8,
    max_idle_connections: 8,
  });
  // From here on only Vault knows it.
  await admin.write(`${names.databaseMount}/rotate-root/${database}`, {});
}

interface DatabaseRole {
  role: string;
  creation: readonly string[];
  ttlSeconds: number;
}

async function createDatabaseRole(
  { admin, names }: VaultTargetOptions,
  { database }: TargetNames,
  { role, creation, ttlSeconds }: DatabaseRole,
): Promise<void> {
  await admin.write(`${names.databaseMount}/roles/${role}`, {
    db_name: database,
    creation_statements: creation,
    revocation_statements: REVOCATION_STATEMENTS,
    default_ttl: `${String(ttlSeconds)}s`,
    max_ttl: `${String(ttlSeconds)}s`,
  });
}
