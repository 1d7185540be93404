import pg from 'pg';
import { z } from 'zod';
import { operation } from '../../../src/operations/database-announce.js';
import { REVOCATION_STATEMENTS } from '../../../src/operations/database-export/vault-role.js';
import type { PostgresTarget } from '../../../src/targets/postgres.js';
import type { DatabaseLogin } from '../../../src/vault/credentials/database.js';
import type { LeasedCredential } from '../../../src/vault/leases.js';
import type { TestInstallation } from '../../support/installation.js';
import type { StartedSubject, Subject } from '../subject.js';
import { grantLeasing } from '../vault-rights.js';

const PARAMS = { target: 'orders', text: 'We are closed on Friday.' };

export const subject: Subject = { operation, start };

async function start(installation: TestInstallation): Promise<StartedSubject> {
  const target = announcing(installation);
  const asOwner = (sql: string) => installation.inTarget((client) => client.query(sql));
  await asOwner('create table announcements (action_id text primary key, text text not null)');
  await makeVaultRole(installation, target);
  const { mount, previewRole, executeRole, previewTokenRole, executeTokenRole } = target.vault;
  const takeBack = await grantLeasing(installation, {
    preview: tokenRole(previewTokenRole, `${mount}/creds/${previewRole}`),
    execute: tokenRole(executeTokenRole, `${mount}/creds/${executeRole}`),
  });
  return {
    target,
    params: PARAMS,
    badParams: [
      { name: 'an unknown field', params: { ...PARAMS, html: true }, field: 'params.html' },
      { name: 'no text', params: { ...PARAMS, text: '' }, field: 'params.text' },
      { name: 'a text that turns its direction', params: { ...PARAMS, text: 'a\u202Eb' }, field: 'params.text' },
    ],
    flagCases: [
      { name: 'plain words in production', flags: ['production'], not: ['link'] },
      { name: 'a link', params: { ...PARAMS, text: 'See https://example.com' }, flags: ['link'] },
      { name: 'elsewhere', target: { environment: 'staging' }, flags: [], not: ['production'] },
    ],
    snapshotTarget: () =>
      installation.inTarget(async (client) => {
        const text = 'select action_id, text from announcements order by action_id';
        return (await client.query<{ action_id: string; text: string }>(text)).rows;
      }),
    async changeWhatDecides() {
      await asOwner('alter table announcements add column shown boolean');
    },
    async changeElsewhere() {
      await asOwner("insert into announcements values ('another', 'Hello')");
    },
    async reset() {
      await asOwner('truncate announcements; alter table announcements drop column if exists shown');
    },
    async countEffects({ actionId }) {
      const { rows } = await asOwner(`select from announcements where action_id = '${actionId}'`);
      return rows.length;
    },
    async undo(result) {
      const { undo } = z.object({ undo: z.object({ statement: z.string() }) }).parse(result);
      await asOwner(undo.statement);
    },
    useCredential: (credential) => logIn(target, credential as LeasedCredential<DatabaseLogin>),
    stop: takeBack,
  };
}

/** The installation's database, with Vault roles for announcements. */
function announcing({ name, targets }: TestInstallation): PostgresTarget {
  const [target] = targets;
  if (target === undefined) throw new Error('the installation has no target');
  const own = {
    executeRole: 'announce',
    previewTokenRole: `${name}-preview-announce`,
    executeTokenRole: `${name}-execute-announce`,
  };
  return { ...target, vault: { ...target.vault, ...own } };
}

function tokenRole(name: string, path: string) {
  return { name, policy: `path "${path}" { capabilities = ["read"] }`, leases: [path] };
}

/** A Vault role whose users may add to the table and read it, and nothing else. */
async function makeVaultRole({ inTarget, vaultAdmin }: TestInstallation, { database, vault }: PostgresTarget) {
  const group = `${database}_announcer`;
  await inTarget((client) =>
    client.query(`create role ${group}; grant connect on database ${database} to ${group}; grant usage on schema public to ${group};
      grant select, insert on announcements to ${group};
      grant ${group} to ${database}_vault with admin true, inherit false, set false`),
  );
  const config = `${vault.mount}/config/${database}`;
  const { data } = z
    .object({ data: z.object({ allowed_roles: z.array(z.string()) }) })
    .parse(await vaultAdmin.read(config));
  await vaultAdmin.write(config, { allowed_roles: [...data.allowed_roles, vault.executeRole] });
  await vaultAdmin.write(`${vault.mount}/roles/${vault.executeRole}`, {
    db_name: database,
    creation_statements: [
      `CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' CONNECTION LIMIT 3`,
      `GRANT "${group}" TO "{{name}}" WITH INHERIT TRUE, SET FALSE, ADMIN FALSE`,
    ],
    revocation_statements: REVOCATION_STATEMENTS,
    default_ttl: '1h',
    max_ttl: '1h',
  });
}

async function logIn(
  { host, port, database }: PostgresTarget,
  { username, material }: LeasedCredential<DatabaseLogin>,
): Promise<void> {
  const client = new pg.Client({ host, port, database, user: username, password: material.password.reveal() });
  client.on('error', () => undefined); // reported by what fails
  try {
    await client.connect();
    await client.query('select 1');
  } finally {
    await client.end().catch(() => undefined);
  }
}
