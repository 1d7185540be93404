import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { operation } from '../../src/operations/database-grant.js';
import { paramsSchema, type DatabaseGrantParams } from '../../src/operations/database-grant/params.js';
import type { ExecuteContext } from '../../src/operations/operation.js';
import type { PostgresTarget } from '../../src/targets/postgres.js';
import type { DatabaseLogin } from '../../src/vault/credentials/database.js';
import type { LeasedCredential } from '../../src/vault/leases.js';
import { createLeases } from '../../src/vault/vault-leases.js';
import { recorded, startLeasing, type Leasing } from '../support/leasing.js';
import { noKeepsakes } from '../support/keepsakes.js';

const HOST = { scratchDir: '', program: () => '' };

/** A connection to the target that breaks at the first COMMIT: before the server has it, or before its answer is back. */
async function startCuttableLine(
  { host, port }: PostgresTarget,
  lost: 'request' | 'answer',
): Promise<{ port: number; cuts(): number; close(): Promise<void> }> {
  let cuts = 0;
  const server = createServer((client) => {
    const upstream = connect({ host, port });
    let isCut = false;
    const cut = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.on('error', cut).on('close', cut);
    client.on('data', (bytes) => {
      isCut = cuts === 0 && bytes.includes('COMMIT\0');
      if (isCut) cuts += 1;
      if (isCut && lost === 'request') cut();
      else upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (isCut) cut();
      else client.write(bytes);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    cuts: () => cuts,
    close: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}

// Real leases of the real Vault, on the roles that the installation made; what the contract suite asks of every operation is there.
describe('database.grant on a real target', () => {
  let leasing: Leasing;
  let target: PostgresTarget;
  let app: string;
  let clerk: string;
  beforeAll(async () => {
    leasing = await startLeasing();
    const [first] = leasing.installation.targets;
    if (first === undefined) throw new Error('the installation has no target');
    target = first;
    app = `${target.database}_app`;
    clerk = `${target.database}_clerk`;
  });
  afterAll(() => leasing.installation.close());
  beforeEach(async () => {
    for (const role of [clerk, app])
      await asAdmin(
        `do $$ begin if exists (select from pg_roles where rolname = '${role}') then drop owned by ${role}; drop role ${role}; end if; end $$`,
      );
    await asAdmin(`create role ${app}; create role ${clerk}; grant ${app} to ${clerk};
      grant ${app} to ${target.grants?.admin ?? ''} with admin true, inherit false, set false`);
  });

  const asAdmin = async <R extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<R[]> =>
    leasing.installation.inTarget(async (client) => (await client.query<R>(sql, values)).rows);
  const paramsOf = (...changes: object[]): DatabaseGrantParams => paramsSchema.parse({ target: 'orders', changes });
  const selectOn = (...tables: string[]) => ({
    do: 'grant',
    privileges: ['SELECT'],
    on: { kind: 'table', schema: 'public', tables },
    to: app,
  });
  const may = async (role: string, table: string, privilege: string): Promise<boolean> => {
    const [row] = await asAdmin<{ has: boolean }>('select has_table_privilege($1, $2, $3) as has', [
      role,
      table,
      privilege,
    ]);
    return row?.has === true;
  };

  async function underLease<T>(
    purpose: 'preview' | 'execute',
    params: DatabaseGrantParams,
    work: (asked: {
      actionId: string;
      agent: string;
      params: DatabaseGrantParams;
      target: PostgresTarget;
      credential: LeasedCredential<DatabaseLogin>;
    }) => Promise<T>,
  ): Promise<T> {
    const asked = { actionId: '', agent: 'export-bot', params, target };
    // The executor's leases serve both here: who leases is the business of other tests.
    const request = await leasing.leaseRequest({ ...operation.credentialFor(purpose, asked), purpose });
    const leases = purpose === 'execute' ? leasing.executing : await previewing();
    const credential = await leases.open<DatabaseLogin>(request);
    try {
      return await work({ ...asked, actionId: request.actionId, credential });
    } finally {
      await leases.revoke(credential);
      await leasing.concluding.end({ accessor: credential.accessor, actionId: request.actionId });
    }
  }

  let worker: Leasing['executing'] | undefined;
  async function previewing(): Promise<Leasing['executing']> {
    if (worker !== undefined) return worker;
    const { vault, record, claims } = await leasing.installation.become('worker');
    worker = recorded(createLeases({ client: vault, record, claims, clock: Date.now, witness: null }));
    return worker;
  }

  const preview = (params: DatabaseGrantParams) =>
    underLease('preview', params, (asked) =>
      operation.preview({
        ...asked,
        host: HOST,
        keepsakes: noKeepsakes,
        past: { sameKind: 1 },
        nowMs: Date.now(),
        signal: AbortSignal.timeout(20_000),
      }),
    );
  type Begin = ExecuteContext<DatabaseGrantParams, PostgresTarget, DatabaseLogin>['beginEffect'];
  const execute = async (params: DatabaseGrantParams, beginEffect: Begin = () => Promise.resolve()) => {
    const approved = (await preview(params)).preview;
    return underLease('execute', params, async (asked) => {
      const result = await operation.execute({
        ...asked,
        approved,
        host: HOST,
        keepsakes: noKeepsakes,
        artefactsDir: '',
        retainUntilMs: 0,
        progress: () => undefined,
        signal: AbortSignal.timeout(60_000),
        beginEffect,
      });
      return { result, username: asked.credential.username, approved };
    });
  };

  it('makes grants that outlive the lease, by roles that last: the user is gone', async () => {
    const made = `${target.database}_made`;
    const { username } = await execute(
      paramsOf(
        selectOn('orders'),
        { do: 'create_role', role: made, login: true },
        { do: 'grant_membership', role: app, to: made },
      ),
    );
    expect(await asAdmin('select from pg_roles where rolname = $1', [username])).toEqual([]);
    expect(await may(made, 'orders', 'SELECT')).toBe(true);
    const grantors = await asAdmin<{ grantor: string }>(
      `select distinct a.grantor::regrole::text as grantor from pg_class c, aclexplode(c.relacl) a where c.oid = 'orders'::regclass
       union select grantor::regrole::text from pg_auth_members where member::regrole::text = $1 and roleid::regrole::text = $2`,
      [made, app],
    );
    expect(grantors.map(({ grantor }) => grantor).sort()).toEqual([
      `${target.database}_granter`,
      `${target.database}_owner`,
    ]);
    const [created] = await asAdmin(
      'select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolcanlogin, (select rolpassword from pg_authid a where a.oid = r.oid) as password from pg_roles r where rolname = $1',
      [made],
    );
    const none = {
      rolsuper: false,
      rolcreaterole: false,
      rolcreatedb: false,
      rolreplication: false,
      rolbypassrls: false,
    };
    expect(created).toEqual({ ...none, rolcanlogin: true, password: null });
    await execute(paramsOf({ do: 'revoke_membership', role: app, from: made }, { do: 'drop_role', role: made }));
    expect(await asAdmin('select from pg_roles where rolname = $1', [made])).toEqual([]);
  });

  it('gives the leased user no right of its own, and no more than the role that grants', async () => {
    const params = paramsOf(selectOn('orders'));
    await underLease('execute', params, async ({ credential: { username, material } }) => {
      const { host, port, database } = target;
      const client = new pg.Client({ host, port, database, user: username, password: material.password.reveal() });
      client.on('error', () => undefined); // reported by the query that fails
      await client.connect();
      try {
        for (const forbidden of [
          'select from public.orders',
          'begin read write; create role x',
          `begin read write; grant select on public.orders to ${app}`,
          'set role postgres',
          `set role ${target.database}_owner`,
        ]) {
          await expect(client.query(forbidden), forbidden).rejects.toMatchObject({ code: '42501' });
          await client.query('rollback');
        }
        await client.query(`begin read write; set local role ${target.grants?.admin ?? ''}`);
        for (const forbidden of [
          'create role x superuser',
          `grant ${target.database}_reader to ${app}`,
          `grant pg_read_all_data to ${app}`,
        ]) {
          await client.query('savepoint s');
          await expect(client.query(forbidden), forbidden).rejects.toMatchObject({ code: '42501' });
          await client.query('rollback to s');
        }
      } finally {
        await client.end();
      }
    });
  });

  it('shows what the server then does, for each kind of object', async () => {
    await asAdmin(`create sequence public.ids owned by none; alter sequence public.ids owner to ${target.database}_owner;
      create procedure public.tidy(integer, text) language sql as 'select 1';
      alter procedure public.tidy(integer, text) owner to ${target.database}_owner;
      create materialized view public.totals as select 1 as one; alter materialized view public.totals owner to ${target.database}_owner`);
    try {
      const everything = paramsOf(
        {
          do: 'grant',
          privileges: ['SELECT', 'MAINTAIN', 'TRIGGER'],
          on: { kind: 'all_tables', schema: 'public' },
          to: app,
          grantOption: true,
        },
        { do: 'grant', privileges: ['USAGE', 'CREATE'], on: { kind: 'schema', schemas: ['public'] }, to: app },
        {
          do: 'grant',
          privileges: ['SELECT', 'INSERT', 'UPDATE', 'REFERENCES'],
          on: { kind: 'columns', schema: 'public', table: 'customers', columns: ['email', 'name'] },
          to: clerk,
        },
        {
          do: 'grant',
          privileges: ['USAGE', 'SELECT', 'UPDATE'],
          on: { kind: 'sequence', schema: 'public', sequences: ['ids'] },
          to: app,
        },
        {
          do: 'revoke',
          privileges: ['EXECUTE'],
          on: { kind: 'function', schema: 'public', function: 'tidy', arguments: ['integer', 'text'] },
          from: 'public',
        },
        {
          do: 'grant',
          privileges: ['EXECUTE'],
          on: { kind: 'function', schema: 'public', function: 'tidy', arguments: ['integer', 'text'] },
          to: clerk,
        },
      );
      const { result, approved } = await execute(everything);
      // The result compares what was read back after the commit with what the preview had computed.
      expect(operation.checkEffect(approved, result)).toEqual([]);
      expect(result['observed']).toBe(result['declared']);
      expect(await may(clerk, 'totals', 'MAINTAIN')).toBe(true);
      const undone = await execute(paramsSchema.parse(result['undo']));
      expect(undone.result['observed']).toBe(undone.result['declared']);
      expect(await may(clerk, 'totals', 'MAINTAIN')).toBe(false);
      const again = (await preview(everything)).preview;
      expect(again.fingerprint).toBe(approved.fingerprint);
    } finally {
      await asAdmin(
        'drop sequence public.ids; drop procedure public.tidy(integer, text); drop materialized view public.totals',
      );
    }
  });

  it('refuses roles on which Countersign stands', async () => {
    const { database } = target;
    for (const role of [
      `${database}_vault`,
      `${database}_reader`,
      `${database}_witness`,
      `${database}_granter`,
      `${leasing.installation.name}_notary`,
    ]) {
      const params = paramsOf({ ...selectOn('customers'), to: role });
      await expect(preview(params), role).rejects.toMatchObject({ code: 'change_forbidden' });
    }
  });

  it('commits nothing when somebody changes the same between the comparison and the commit', async () => {
    const failed = execute(paramsOf(selectOn('orders', 'order_lines')), async () => {
      await asAdmin(`grant delete on orders to ${app}`);
    });
    await expect(failed).rejects.toMatchObject({
      name: 'ServiceFault',
      message: expect.stringContaining('nothing was committed') as string,
    });
    expect(await may(app, 'order_lines', 'SELECT')).toBe(false);
    expect(await may(app, 'orders', 'DELETE')).toBe(true);
  });

  it('makes all changes or none', async () => {
    await asAdmin(`create table public.gone (id int); alter table public.gone owner to ${target.database}_owner`);
    const failed = execute(paramsOf(selectOn('orders'), selectOn('gone')), async () => {
      await asAdmin('drop table public.gone');
    });
    await expect(failed).rejects.toMatchObject({ message: expect.stringContaining('42P01') as string });
    expect(await may(app, 'orders', 'SELECT')).toBe(false);
  });

  it('changes nothing before the effect has begun', async () => {
    const stop = new Error('not now');
    await expect(execute(paramsOf(selectOn('orders')), () => Promise.reject(stop))).rejects.toBe(stop);
    expect(await may(app, 'orders', 'SELECT')).toBe(false);
  });

  it('sees as grown what reaches another member, and not what somebody else was given', async () => {
    const params = paramsOf(selectOn('orders'));
    const approved = (await preview(params)).preview;
    const other = `${target.database}_other`;
    await asAdmin(`create role ${other}; grant select on customers to ${other}`);
    try {
      expect(operation.grew(approved, (await preview(params)).preview)).toBeNull();
      await asAdmin(`grant ${app} to ${other}`);
      const now = (await preview(params)).preview;
      expect(now.fingerprint).toBe(approved.fingerprint);
      expect(operation.grew(approved, now)).toContain(other);
    } finally {
      await asAdmin(`drop owned by ${other}; drop role ${other}`);
    }
  });

  it.each([
    ['on its way', 'request'],
    ['on its way back', 'answer'],
  ] as const)('asks the target when the commit is lost %s', async (_, lost) => {
    const params = paramsOf(selectOn('orders'));
    const approved = (await preview(params)).preview;
    const line = await startCuttableLine(target, lost);
    try {
      const ran = underLease('execute', params, (asked) =>
        operation.execute({
          ...asked,
          target: { ...target, port: line.port },
          approved,
          host: HOST,
          keepsakes: noKeepsakes,
          artefactsDir: '',
          retainUntilMs: 0,
          progress: () => undefined,
          signal: AbortSignal.timeout(60_000),
          beginEffect: () => Promise.resolve(),
        }),
      );
      if (lost === 'answer') expect(operation.checkEffect(approved, await ran)).toEqual([]);
      else await expect(ran).rejects.toThrow(/lost at the commit; nothing was changed/);
      expect(line.cuts()).toBe(1);
      expect(await may(app, 'orders', 'SELECT')).toBe(lost === 'answer');
    } finally {
      await line.close();
    }
  });

  it('takes a table made again under its name for another', async () => {
    const owner = `${target.database}_owner`;
    const make = `create table public.again (id int); alter table public.again owner to ${owner}`;
    await asAdmin(make);
    const params = paramsOf(selectOn('again'));
    const approved = (await preview(params)).preview;
    await asAdmin(`drop table public.again; ${make}`);
    expect((await preview(params)).preview.fingerprint).not.toBe(approved.fingerprint);
    await asAdmin('drop table public.again');
  });

  it('is refused where the target is not set up for it', async () => {
    const without = { ...target, grants: undefined };
    await expect(operation.check(paramsOf(selectOn('orders')), without)).rejects.toMatchObject({
      code: 'change_forbidden',
      field: 'params.target',
    });
  });
});
