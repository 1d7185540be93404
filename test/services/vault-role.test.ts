import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DatabaseLogin } from '../../src/vault/credentials/database.js';
import type { LeasedCredential } from '../../src/vault/leases.js';
import { startLeasing, type Leasing } from '../support/leasing.js';
import { until } from '../support/until.js';

// The statements of src/operations/database-export/vault-role.ts, run by the real Vault as the installation gave them to it.
describe('a user that Vault leased', () => {
  let leasing: Leasing;
  let group: string;
  let credential: LeasedCredential<DatabaseLogin>;
  let actionId: string;
  let session: pg.Client;

  beforeAll(async () => {
    leasing = await startLeasing();
    group = `${leasing.installation.name}_orders_reader`;
  });
  afterAll(() => leasing.installation.close());
  beforeEach(async () => {
    const request = await leasing.leaseRequest();
    actionId = request.actionId;
    credential = await leasing.executing.open(request);
    session = await leasing.logIn(credential);
  });
  afterEach(async () => {
    await session.end().catch(() => undefined);
    await leasing.concluding.end({ accessor: credential.accessor, actionId });
  });

  const asAdmin = async <R extends pg.QueryResultRow>(sql: string, values: unknown[]): Promise<R[]> =>
    leasing.installation.inTarget(async (client) => (await client.query<R>(sql, values)).rows);

  it('reads what its group may, as itself', async () => {
    const { rows } = await session.query<{ who: string; count: string }>(
      'select current_user who, count(*) from orders',
    );
    expect(rows).toEqual([{ who: credential.username, count: '200' }]);
  });

  it.each<[what: string, sql: () => string, code: string]>([
    ['become its group by SET ROLE', () => `set role ${group}`, '42501'],
    ['become its group by set_config', () => `select set_config('role', '${group}', false)`, '42501'],
    ['become its group in a function’s settings', () => `set session authorization ${group}`, '42501'],
    [
      'make another user a member',
      () => `begin read write; grant ${group} to ${leasing.installation.name}_orders_vault`,
      '42501',
    ],
    ['write', () => 'begin read write; insert into orders select * from orders limit 0', '42501'],
    ['delete', () => 'begin read write; delete from orders', '42501'],
    ['make a table', () => 'begin read write; create table public.kept (id int)', '42501'],
    ['make a schema', () => 'begin read write; create schema kept', '42501'],
    ['make a temporary table', () => 'begin read write; create temp table kept (id int)', '42501'],
    ['make a user', () => 'begin read write; create role kept login', '42501'],
    [
      'end other sessions',
      () => 'select pg_terminate_backend(pid) from pg_stat_activity where usename like $$%vault$$',
      '42501',
    ],
  ])('cannot %s', async (_what, sql, code) => {
    await expect(session.query(sql())).rejects.toMatchObject({ code });
  });

  it('owns nothing, is of no other group, and lives no longer than its lease', async () => {
    const [user] = await asAdmin(
      `select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolcanlogin, rolconnlimit,
              rolvaliduntil <= now() + interval '61 minutes' as ends,
              (select count(*)::int from pg_shdepend where refclassid = 'pg_authid'::regclass and refobjid = r.oid and deptype = 'o') owned
         from pg_roles r where rolname = $1`,
      [credential.username],
    );
    expect(user).toEqual({
      rolsuper: false,
      rolcreaterole: false,
      rolcreatedb: false,
      rolreplication: false,
      rolbypassrls: false,
      rolcanlogin: true,
      rolconnlimit: 3,
      ends: true,
      owned: 0,
    });
    const memberships = await asAdmin(
      `select roleid::regrole::text as group, admin_option, inherit_option, set_option from pg_auth_members
        where member = (select oid from pg_roles where rolname = $1)`,
      [credential.username],
    );
    expect(memberships).toEqual([{ group, admin_option: false, inherit_option: true, set_option: false }]);
  });

  it('is ended in the middle of a long query within a second; the user goes, its group stays', async () => {
    const running = session.query('select count(*) from orders a, orders b, orders c, orders d').then(
      () => 'finished',
      (error: unknown) => (error as { code?: string }).code,
    );
    await until(async () => {
      const active = "select from pg_stat_activity where usename = $1 and state = 'active'";
      return (await asAdmin(active, [credential.username])).length === 1;
    });
    const revokedAtMs = Date.now();
    const [, code] = await Promise.all([leasing.executing.revoke(credential), running]);
    expect(code).toBe('57P01');
    expect(Date.now() - revokedAtMs).toBeLessThan(1_000);
    expect(await leasing.usersOf(actionId)).toEqual([]);
    expect(await asAdmin('select from pg_stat_activity where usename = $1', [credential.username])).toEqual([]);
    expect(await asAdmin('select rolcanlogin from pg_roles where rolname = $1', [group])).toEqual([
      { rolcanlogin: false },
    ]);
    await expect(leasing.logIn(credential)).rejects.toMatchObject({ code: expect.stringMatching(/^28/) as string });
  });

  it('is ended also when a revocation had stopped half way', async () => {
    await asAdmin(`alter role "${credential.username}" nologin`, []);
    await leasing.executing.revoke(credential);
    expect(await leasing.usersOf(actionId)).toEqual([]);
  });

  it('is ended also when somebody had already dropped it', async () => {
    await session.end();
    await asAdmin(`drop role "${credential.username}"`, []);
    await leasing.executing.revoke(credential);
    expect(await leasing.tokensOf(actionId)).toEqual([]);
  });
});

describe('Vault’s own login and the witness', () => {
  let leasing: Leasing;
  beforeAll(async () => {
    leasing = await startLeasing();
  });
  afterAll(() => leasing.installation.close());

  it('is a witness that sees when sessions began, and no data', async () => {
    const { installation, notary } = leasing;
    const [target] = installation.targets;
    const answer = await notary.vault.read(`${target?.vault.mount ?? ''}/creds/${target?.vault.witnessRole ?? ''}`);
    const { username: user, password } = answer.data as { username: string; password: string };
    const client = new pg.Client({
      host: target?.host,
      port: target?.port,
      database: target?.database,
      user,
      password,
    });
    await client.connect();
    try {
      const others = await client.query<{ seen: boolean }>(
        'select backend_start is not null seen from pg_stat_activity where usename <> current_user',
      );
      expect(others.rows.length).toBeGreaterThan(0);
      expect(others.rows.every(({ seen }) => seen)).toBe(true);
      await expect(client.query('select from public.orders')).rejects.toMatchObject({ code: '42501' });
      await expect(client.query(`set role ${installation.name}_orders_witness`)).rejects.toMatchObject({
        code: '42501',
      });
    } finally {
      await client.end();
    }
  });
});
