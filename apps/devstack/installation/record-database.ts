import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { ProcessName } from '../../../src/core/schemas/statements.js';
import { Secret } from '../../../src/core/secret.js';
import { migrate } from '../../../src/record/postgres/migrate.js';
import { recordRoles } from '../../../src/record/postgres/migrations.js';
import type { Names } from './names.js';
import { asAdmin, createDatabase, urlFor } from './postgres-admin.js';

/** Makes the record's database, its schema and the four logins; each process is given its own URL only. */
export async function installRecord(adminUrl: string, names: Names): Promise<Record<ProcessName, Secret>> {
  await createDatabase(adminUrl, names.recordDatabase);
  return asAdmin(adminUrl, names.recordDatabase, async (client) => {
    await migrate(client, { rolePrefix: names.recordRolePrefix });
    const roles = recordRoles(names.recordRolePrefix);
    const open = async (process: ProcessName): Promise<Secret> => {
      const role = roles[process];
      const password = randomBytes(24).toString('base64url');
      await client.query(`alter role ${role} password ${pg.escapeLiteral(password)}`);
      await client.query(`grant connect on database ${names.recordDatabase} to ${role}`);
      return new Secret(urlFor(adminUrl, names.recordDatabase, role, password));
    };
    return {
      gateway: await open('gateway'),
      worker: await open('worker'),
      executor: await open('executor'),
      notary: await open('notary'),
    };
  });
}
