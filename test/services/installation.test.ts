import { expect, inject, it } from 'vitest';
import { asAdmin } from '../../apps/devstack/installation/postgres-admin.js';
import { startLeasing } from '../support/leasing.js';

it('an installation leaves nothing behind, not even the user of a lease that is still open', async () => {
  const { installation, executing, leaseRequest } = await startLeasing();
  const { name, vaultAdmin } = installation;
  const { username } = await executing.open(await leaseRequest());
  const traces = async (): Promise<string[]> => {
    const { adminUrl } = inject('services').postgres;
    const sql = 'select rolname as name from pg_roles union all select datname from pg_database';
    const { rows } = await asAdmin(adminUrl, null, (client) => client.query<{ name: string }>(sql));
    const keysOf = async (path: string) => ((await vaultAdmin.list(path)).data as { keys: string[] }).keys;
    const mounts = Object.keys((await vaultAdmin.read('sys/mounts')).data as object);
    const methods = Object.keys((await vaultAdmin.read('sys/auth')).data as object);
    const policies = await keysOf('sys/policies/acl');
    // Vault answers 404 for an empty list.
    const tokenRoles = await keysOf('auth/token/roles').catch(() => []);
    const all = [...rows.map((row) => row.name), ...mounts, ...methods, ...policies, ...tokenRoles];
    return all.filter((trace) => trace.startsWith(name) || trace === username);
  };
  expect((await traces()).length).toBeGreaterThan(15);
  await installation.close();
  expect(await traces()).toEqual([]);
});
