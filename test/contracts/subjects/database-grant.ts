import pg from 'pg';
import { z } from 'zod';
import type { Json, JsonObject } from '../../../src/core/json.js';
import { Secret } from '../../../src/core/secret.js';
import { operation } from '../../../src/operations/database-grant.js';
import { paramsSchema } from '../../../src/operations/database-grant/params.js';
import type { PostgresTarget } from '../../../src/targets/postgres.js';
import type { DatabaseLogin } from '../../../src/vault/credentials/database.js';
import type { LeasedCredential } from '../../../src/vault/leases.js';
import type { TestInstallation } from '../../support/installation.js';
import { AT_WORK, MOMENT_CASES } from '../moment-cases.js';
import type { StartedSubject, Subject } from '../subject.js';
import { noKeepsakes } from '../../support/keepsakes.js';

export const subject: Subject = {
  operation: operation,
  start: (installation) => Promise.resolve(startGrants(installation)),
};

function startGrants(installation: TestInstallation): StartedSubject {
  const [target] = installation.targets;
  if (target === undefined) throw new Error('the installation has no target');
  const roles = rolesOf(target);
  const { app, worker, made } = roles;
  const onOrders = { kind: 'table', schema: 'public', tables: ['orders', 'order_lines'] };
  const grant = { do: 'grant', privileges: ['SELECT', 'INSERT'], on: onOrders, to: app };
  const params = {
    target: 'orders',
    changes: [grant, { do: 'create_role', role: made }, { do: 'grant_membership', role: app, to: made }],
  };
  const asking = (...changes: JsonObject[]): JsonObject => ({ target: 'orders', changes });
  const sql = (text: string) => installation.inTarget((client) => client.query(text));
  return {
    target,
    params,
    badParams: [
      { name: 'an unknown field', params: { ...params, sql: 'select 1' }, field: 'params.sql' },
      { name: 'no change', params: asking(), field: 'params.changes' },
      {
        name: 'a privilege that there is not',
        params: asking({ ...grant, privileges: ['ALL'] }),
        field: 'params.changes.0.privileges.0',
      },
      {
        name: 'a privilege that its object has not',
        params: asking({ ...grant, privileges: ['EXECUTE'] }),
        field: 'params.changes.0.privileges',
      },
      {
        name: "PostgreSQL's own schema",
        params: asking({ ...grant, on: { kind: 'all_tables', schema: 'pg_catalog' } }),
        field: 'params.changes.0.on.schema',
      },
    ],
    flagCases: [
      {
        name: 'rows of orders, at work',
        nowMs: AT_WORK,
        flags: ['production', 'write_privileges'],
        not: ['personal_data', 'to_public', 'may_pass_on', 'unusual_hour', 'first_time', 'access_lost'],
      },
      ...MOMENT_CASES,
      {
        name: 'all tables, to be passed on',
        params: asking({ ...grant, on: { kind: 'all_tables', schema: 'public' }, grantOption: true }),
        flags: ['all_tables', 'may_pass_on', 'personal_data'],
      },
      { name: 'to everyone', params: asking({ ...grant, to: 'public' }), flags: ['to_public'] },
      {
        name: 'what is there is taken away',
        params: asking({ do: 'revoke', privileges: ['SELECT'], on: onOrders, from: app }),
        flags: ['access_lost'],
        not: ['write_privileges'],
      },
    ],
    snapshotTarget: () => snapshot(installation, target),
    async changeWhatDecides() {
      await sql(`grant select on order_lines to ${app}`);
    },
    async changeElsewhere() {
      await sql(`grant select on customers to ${worker}`);
    },
    reset: () => reset(installation, roles),
    async countEffects() {
      const { rows } = await installation.inTarget((client) =>
        client.query<{ has: boolean }>("select has_table_privilege($1, 'public.order_lines', 'INSERT') as has", [
          worker,
        ]),
      );
      return rows[0]?.has === true ? 1 : 0;
    },
    undo: (result) => runWithAdminsLease(installation, target, result['undo']),
    useCredential: (credential, purpose) => use(target, credential as LeasedCredential<DatabaseLogin>, purpose),
    stop: () => removeRoles(installation, roles),
  };
}

interface Roles {
  app: string;
  /** A member of `app`. */
  worker: string;
  /** Made by the action. */
  made: string;
  granter: string;
}

function rolesOf({ database, grants }: PostgresTarget): Roles {
  return {
    app: `${database}_app`,
    worker: `${database}_worker`,
    made: `${database}_made`,
    granter: grants?.admin ?? '',
  };
}

async function removeRoles(installation: TestInstallation, { app, worker, made }: Roles): Promise<void> {
  await installation.inTarget(async (client) => {
    for (const role of [made, worker, app]) {
      const { rows } = await client.query('select from pg_roles where rolname = $1', [role]);
      if (rows.length > 0) await client.query(`drop owned by ${role}; drop role ${role}`);
    }
  });
}

async function reset(installation: TestInstallation, roles: Roles): Promise<void> {
  await removeRoles(installation, roles);
  const { app, worker, granter } = roles;
  await installation.inTarget((client) =>
    client.query(`create role ${app}; create role ${worker}; grant ${app} to ${worker};
      grant ${app} to ${granter} with admin true, inherit false, set false;
      grant select on orders to ${app}; grant select (sku) on order_lines to ${app};`),
  );
}

async function snapshot(installation: TestInstallation, { database }: PostgresTarget): Promise<Json> {
  const { rows } = await installation.inTarget((client) =>
    client.query<{ line: string }>(
      `select 'table ' || c.relname || ' ' || a.grantee::regrole || ' ' || a.privilege_type || a.is_grantable as line
         from pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v')
       union all
       select 'column ' || c.relname || '.' || t.attname || ' ' || a.grantee::regrole || ' ' || a.privilege_type || a.is_grantable
         from pg_class c join pg_attribute t on t.attrelid = c.oid, aclexplode(t.attacl) a
        where c.relnamespace = 'public'::regnamespace
       union all
       select 'member ' || member::regrole || ' of ' || roleid::regrole || ' by ' || grantor::regrole || admin_option || inherit_option || set_option
         from pg_auth_members where pg_get_userbyid(member) like $1 and pg_get_userbyid(roleid) like $1
       union all
       select 'role ' || rolname || rolcanlogin || rolcreaterole from pg_roles where rolname like $1
       order by 1`,
      [`${database.replaceAll('_', '\\_')}\\_%`],
    ),
  );
  return rows.map(({ line }) => line);
}

/** Runs the operation with a credential that Vault's administrator reads. */
async function runWithAdminsLease(
  installation: TestInstallation,
  target: PostgresTarget,
  undo: unknown,
): Promise<void> {
  const { vaultAdmin } = installation;
  const answer = await vaultAdmin.read(`${target.vault.mount}/creds/${target.grants?.vault.executeRole ?? ''}`);
  const { username, password } = z.object({ username: z.string(), password: z.string() }).parse(answer.data);
  const credential = {
    accessor: '',
    leaseIds: [],
    username,
    material: { password: new Secret(password) },
    expiresAtMs: Date.now() + 60_000,
  };
  const asked = { actionId: '', agent: 'export-bot', params: paramsSchema.parse(undo), target, credential };
  const host = { scratchDir: '', program: () => '' };
  const keepsakes = noKeepsakes;
  const signal = AbortSignal.timeout(60_000);
  const past = { sameKind: 1 };
  const { preview } = await operation.preview({ ...asked, host, keepsakes, past, nowMs: Date.now(), signal });
  await operation.execute({
    ...asked,
    host,
    keepsakes,
    approved: preview,
    artefactsDir: '',
    retainUntilMs: 0,
    progress: () => undefined,
    signal,
    beginEffect: () => Promise.resolve(),
  });
  await vaultAdmin.write('sys/leases/revoke', { lease_id: String(answer.lease_id), sync: true });
}

async function use(
  { host, port, database, grants }: PostgresTarget,
  { username, material }: LeasedCredential<DatabaseLogin>,
  purpose: 'preview' | 'execute',
): Promise<void> {
  const client = new pg.Client({ host, port, database, user: username, password: material.password.reveal() });
  client.on('error', () => undefined); // reported by what fails
  try {
    await client.connect();
    await client.query('select count(*) from pg_auth_members');
    if (purpose === 'execute') await client.query(`set role ${grants?.admin ?? ''}`);
  } finally {
    await client.end().catch(() => undefined);
  }
}
