import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startOperation, type OperationUnderTest } from '../contracts/operation-under-test.js';
import { subject as infraSubject } from '../contracts/subjects/infra-apply.js';
import type { InfraLogin } from '../../src/operations/infra-apply/login.js';
import type { LeasedCredential } from '../../src/vault/leases.js';
import type { TestInstallation } from '../support/installation.js';
import { makeRecordingTofu, type RecordingTofu } from '../support/recording-tofu.js';

type Environment = Record<string, string>;

describe('the credentials of providers', () => {
  let tofu: RecordingTofu;
  let under: OperationUnderTest;
  let installation: TestInstallation;
  beforeAll(async () => {
    tofu = await makeRecordingTofu();
    under = await startOperation({
      ...infraSubject,
      start: async (installed) => {
        installation = installed;
        return { ...(await infraSubject.start(installed)), programs: tofu.programs };
      },
    });
  });
  afterAll(async () => {
    await under.close();
    await tofu.remove();
  });

  it('are in the environment of plan and apply alone: a reader for the plan, a writer for the apply', async () => {
    await under.started.reset();
    const { preview } = await under.preview();
    const previewed = await tofu.take();
    expect(previewed.map(({ command }) => command)).toEqual(['init', 'plan', 'show']);
    const { actionId } = await under.execute(preview);
    const executed = await tofu.take();
    expect(executed.map(({ command }) => command)).toEqual(['init', 'show', 'plan', 'show', 'apply']);
    for (const { command, environment } of [...previewed, ...executed]) {
      const own = Object.keys(environment).filter((name) =>
        /^(PG(?!_CONN_STR)|AWS|VAULT|COUNTERSIGN|TEMPORAL)/.test(name),
      );
      const needsThem = command === 'plan' || command === 'apply';
      expect(own.sort(), command).toEqual(
        needsThem ? ['PGAPPNAME', 'PGDATABASE', 'PGHOST', 'PGPASSWORD', 'PGPORT', 'PGSSLMODE', 'PGUSER'] : [],
      );
    }
    const applied = environmentOf(executed, 'apply');
    expect(applied['PGUSER']).toContain(actionId.toLowerCase());
    expect(environmentOf(executed, 'plan')['PGUSER']).toBe(applied['PGUSER']);
    expect(environmentOf(previewed, 'plan')['PGUSER']).not.toBe(applied['PGUSER']);
    expect(applied['PG_CONN_STR']).not.toContain(applied['PGUSER']);
  });

  it('are each on record by name, under one token, and each is proven gone', async () => {
    const { actionId, credential, end } = await under.lease('execute');
    const { material, username, leaseIds } = credential as LeasedCredential<InfraLogin>;
    expect(leaseIds).toHaveLength(2);
    const names = [username, material.postgres?.username];
    const recorded = await installation.inRecord(async (client) => {
      const rows = 'select username from countersign.lease_credentials where accessor = $1 order by vault_role desc';
      const said = "select envelope from countersign.statements where action_id = $1 and kind = 'credential'";
      return {
        rows: (await client.query<{ username: string }>(rows, [credential.accessor])).rows.map((row) => row.username),
        said: (await client.query<{ envelope: string }>(said, [actionId])).rows.map(({ envelope }) =>
          statementIn(envelope),
        ),
      };
    });
    expect(recorded.rows).toEqual(names);
    expect(recorded.said.map(({ predicate }) => predicate.body.username)).toEqual(names);
    const secrets = [material.password, material.postgres?.password].flatMap((secret) => secret?.reveal() ?? []);
    expect(secrets).toHaveLength(2);
    for (const secret of secrets) expect(JSON.stringify(recorded)).not.toContain(secret);
    const proofs = await end();
    const asked = proofs.map(({ asked: question }) => question).join('\n');
    for (const name of [...leaseIds, credential.accessor, username, material.postgres?.username ?? 'none'])
      expect(asked).toContain(name);
    expect(asked).toContain('network.postgres: pg_roles');
  });

  it.each([
    ['preview', '42501'],
    ['execute', null],
  ] as const)('of a lease for %s may write: %s', async (purpose, refusal) => {
    const { credential, end } = await under.lease(purpose);
    try {
      const { postgres } = (credential as LeasedCredential<InfraLogin>).material;
      const target = under.started.target as { providerCredentials?: { postgres: { database: string } } };
      const { hostname: host, port } = new URL(inject('services').postgres.adminUrl);
      const client = new pg.Client({
        host,
        port: Number(port),
        database: target.providerCredentials?.postgres.database,
        user: postgres?.username,
        password: postgres?.password.reveal(),
      });
      await client.connect();
      const code = await client
        .query("begin; set transaction read write; insert into items values ('x'); rollback")
        .then(
          () => null,
          (error: unknown) => (error as { code: string }).code,
        );
      await client.end();
      expect(code).toBe(refusal);
    } finally {
      await end();
    }
  });
});

interface CredentialStatement {
  predicate: { body: { username: string } };
}

function statementIn(envelope: string): CredentialStatement {
  const { payload } = JSON.parse(envelope) as { payload: string };
  return JSON.parse(Buffer.from(payload, 'base64').toString()) as CredentialStatement;
}

function environmentOf(taken: readonly { command: string; environment: Environment }[], command: string): Environment {
  return taken.find((one) => one.command === command)?.environment ?? {};
}
