import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/secret.js';
import { allOf, latest } from '../../src/record/record.js';
import { createVaultClient, type VaultClient } from '../../src/vault/client.js';
import { databaseLogin } from '../../src/vault/credentials/database.js';
import { createLeases } from '../../src/vault/vault-leases.js';
import { startLeasing, type Leasing } from '../support/leasing.js';
import { until } from '../support/until.js';

describe('leases', () => {
  let leasing: Leasing;
  beforeAll(async () => {
    leasing = await startLeasing();
  });
  afterAll(() => leasing.installation.close());

  it('opens a login that names its action, reads, cannot write, and is on record in order', async () => {
    const { executor, notary, executing, concluding, leaseRequest, logIn } = leasing;
    const request = await leaseRequest();
    const before = Date.now();
    const credential = await executing.open(request);
    expect(credential.username).toContain(request.actionId.toLowerCase());
    expect(credential.username.length).toBeLessThanOrEqual(63);
    expect(credential.expiresAtMs).toBeGreaterThan(before + 110_000);
    expect(credential.expiresAtMs).toBeLessThanOrEqual(Date.now() + 120_000);
    const client = await logIn(credential);
    expect((await client.query<{ count: string }>('select count(*) from orders')).rows).toEqual([{ count: '200' }]);
    await expect(client.query('begin read write; delete from orders')).rejects.toMatchObject({ code: '42501' });
    await client.end();

    const statements = await executor.record.ofAction(request.actionId);
    expect(statements.map(({ kind }) => kind)).toEqual(['request', 'lease', 'credential']);
    expect(latest(statements, 'lease')?.body).toMatchObject({
      accessor: credential.accessor,
      purpose: 'execute',
      tokenRole: request.tokenRole,
      runId: request.runId,
    });
    expect(latest(statements, 'credential')?.body).toMatchObject({
      accessor: credential.accessor,
      leaseId: credential.leaseIds[0],
      username: credential.username,
      vaultRole: 'orders-execute',
    });
    expect(await notary.claims.openLeases(request.actionId)).toMatchObject([
      { accessor: credential.accessor, credentials: [{ leaseId: credential.leaseIds[0] }] },
    ]);
    await concluding.end({ accessor: credential.accessor, actionId: request.actionId });
  });

  it('gives the token no longer than the plan, and the action in its metadata', async () => {
    const { installation, executing, concluding, leaseRequest } = leasing;
    const request = await leaseRequest({ ttlSeconds: 30 });
    const { accessor, expiresAtMs } = await executing.open(request);
    const { data } = await installation.vaultAdmin.write('auth/token/lookup-accessor', { accessor });
    expect(data).toMatchObject({
      display_name: `token-${request.actionId.toLowerCase()}`,
      explicit_max_ttl: 30,
      num_uses: 1,
      orphan: true,
      meta: { action: request.actionId, digest: request.actionDigest, purpose: 'execute', run: request.runId },
    });
    expect(expiresAtMs).toBeLessThanOrEqual(Date.now() + 30_000);
    await concluding.end({ accessor, actionId: request.actionId });
  });

  it('ends with proof from Vault and from the target, records it once, and again says so', async () => {
    const { notary, executing, concluding, leaseRequest, usersOf, tokensOf } = leasing;
    const request = await leaseRequest();
    const { accessor, leaseIds, username } = await executing.open(request);
    expect(await usersOf(request.actionId)).toEqual([username]);
    const proofs = await concluding.end({ accessor, actionId: request.actionId });
    expect(proofs.map(({ asked }) => asked)).toEqual([
      expect.stringContaining(leaseIds[0] ?? 'no lease'),
      expect.stringContaining(accessor),
      expect.stringContaining('pg_roles'),
      expect.stringContaining('pg_stat_activity'),
    ]);
    expect(await usersOf(request.actionId)).toEqual([]);
    expect(await tokensOf(request.actionId)).toEqual([]);
    expect(await notary.claims.openLeases(request.actionId)).toEqual([]);
    await expect(concluding.end({ accessor, actionId: request.actionId })).resolves.toHaveLength(1);
    const revocations = allOf(await notary.record.ofAction(request.actionId), 'revocation');
    expect(revocations.map(({ body }) => body.proofs)).toEqual([proofs]);
  });

  it('revokes at Vault at once, for the executor; the row waits for the notary’s proof', async () => {
    const { notary, executing, concluding, leaseRequest, usersOf, tokensOf } = leasing;
    const request = await leaseRequest();
    const lease = await executing.open(request);
    await executing.revoke(lease);
    await executing.revoke(lease); // idempotent
    expect(await usersOf(request.actionId)).toEqual([]);
    expect(await tokensOf(request.actionId)).toEqual([]);
    expect(await notary.claims.openLeases(request.actionId)).toHaveLength(1);
    await concluding.end({ accessor: lease.accessor, actionId: request.actionId });
    expect(await notary.claims.openLeases(request.actionId)).toEqual([]);
  });

  it('refuses to prove an end where there is no witness', async () => {
    const { executing } = leasing;
    await expect(executing.end({ accessor: 'a', actionId: 'b' })).rejects.toThrow(/no witness/);
  });

  it('ends a query that is running', async () => {
    const { installation, executing, concluding, leaseRequest, logIn } = leasing;
    const request = await leaseRequest();
    const credential = await executing.open(request);
    const client = await logIn(credential);
    const running = client.query('select pg_sleep(600)').then(
      () => 'finished',
      (error: unknown) => (error as { code?: string }).code,
    );
    await until(async () =>
      installation.inTarget(
        async (admin) =>
          (
            await admin.query("select from pg_stat_activity where usename = $1 and state = 'active'", [
              credential.username,
            ])
          ).rowCount === 1,
      ),
    );
    await executing.revoke(credential);
    expect(await running).toBe('57P01');
    await client.end().catch(() => undefined);
    await concluding.end({ accessor: credential.accessor, actionId: request.actionId });
  });

  it('keeps its secrets out of errors, statements, rows and every print of what it hands out', async () => {
    const { installation, executor, concluding, executorOptions, leaseRequest } = leasing;
    const request = await leaseRequest();
    const tokens: string[] = [];
    const spying: VaultClient = {
      ...executor.vault,
      async read(path, options) {
        if (options?.credential) tokens.push(options.credential.reveal());
        return executor.vault.read(path, options);
      },
      async write(path, body, options) {
        if (options?.credential) tokens.push(options.credential.reveal());
        return executor.vault.write(path, body, options);
      },
    };
    const credential = await createLeases({ ...executorOptions, client: spying }).open(request);
    expect(tokens).toHaveLength(2); // the wrapping token and the token itself
    const errors: unknown[] = [];
    const refused = createVaultClient({
      address: installation.vault.address,
      credential: () => new Secret(tokens[1] ?? ''),
    });
    const unreachable = createVaultClient({
      address: 'http://127.0.0.1:1',
      credential: () => new Secret(tokens[1] ?? ''),
    });
    for (const client of [refused, unreachable]) {
      await client
        .write('sys/mounts/x', { password: credential.material.password.reveal() })
        .catch((error: unknown) => errors.push(error));
      await client.read('sys/mounts').catch((error: unknown) => errors.push(error));
    }
    expect(errors).toHaveLength(4);
    const rows = await installation.inRecord(async (client) => {
      const tables = await client.query(
        'select (select json_agg(s) from countersign.statements s) s, (select json_agg(l) from countersign.leases l) l, (select json_agg(c) from countersign.lease_credentials c) c',
      );
      return JSON.stringify(tables.rows);
    });
    const payloads = (await executor.record.ofAction(request.actionId)).map(({ statement }) =>
      JSON.stringify(statement),
    );
    const deep = { depth: 20, showHidden: true } as const;
    const seen = [
      rows,
      ...payloads,
      inspect([credential, executor, spying, refused, unreachable, errors], deep),
      JSON.stringify([credential, errors]),
      String(credential.material.password),
    ].join('\n');
    for (const secret of [...tokens, credential.material.password.reveal()]) {
      expect(secret.length).toBeGreaterThan(15);
      expect(seen.includes(secret)).toBe(false);
    }
    await concluding.end({ accessor: credential.accessor, actionId: request.actionId });
  });

  it('opens nothing from a token role or a path that is not the process’s own', async () => {
    const { installation, executing, leaseRequest, tokensOf } = leasing;
    const preview = await leaseRequest({ tokenRole: installation.vault.tokenRoles[0] ?? '' });
    await expect(executing.open(preview)).rejects.toMatchObject({ service: 'vault', temporary: false });
    const mine = { tokenRole: installation.vault.tokenRoles[1] ?? '', mount: installation.vault.mounts.database };
    const elsewhere = await leaseRequest(databaseLogin({ ...mine, role: 'orders-preview' }));
    await expect(executing.open(elsewhere)).rejects.toMatchObject({ service: 'vault', temporary: false });
    expect(await tokensOf(elsewhere.actionId)).toEqual([]);
    const traversal = await leaseRequest(databaseLogin({ ...mine, role: '../../sys/mounts' }));
    await expect(executing.open(traversal)).rejects.toThrow(/plain segments/);
    expect(await tokensOf(traversal.actionId)).toEqual([]);
  });
});
