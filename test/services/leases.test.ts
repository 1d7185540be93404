import { inspect } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Refusal, ServiceFault } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { createPostgresWitness } from '../../src/operations/postgres-witness.js';
import { allOf, latest } from '../../src/record/record.js';
import { createClaims } from '../../src/record/postgres-claims.js';
import { createRecordPool } from '../../src/record/postgres/pool.js';
import { createVaultClient, type VaultAnswer, type VaultClient } from '../../src/vault/client.js';
import type { LeasedCredential, LeaseRequest, Leases } from '../../src/vault/leases.js';
import { createLeases, type LeasesOptions } from '../../src/vault/vault-leases.js';
import { createWitnessCredentials } from '../../src/vault/witness-credentials.js';
import { installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';
import { recordRequest } from '../support/statements.js';
import { until } from '../support/until.js';

describe('leases', () => {
  let installation: TestInstallation;
  let gateway: TestProcess;
  let executor: TestProcess;
  let notary: TestProcess;
  let executing: Leases;
  let concluding: Leases;

  beforeAll(async () => {
    installation = await installForTest();
    [gateway, executor, notary] = await Promise.all([
      installation.become('gateway'),
      installation.become('executor'),
      installation.become('notary'),
    ]);
    executing = createLeases(optionsOf(executor));
    concluding = createLeases({ ...optionsOf(notary), witness: witness() });
  });
  afterAll(() => installation.close());

  const optionsOf = ({ vault, record, claims }: TestProcess): LeasesOptions => ({
    client: vault,
    record,
    claims,
    witness: null,
    clock: Date.now,
  });
  const witness = () =>
    createPostgresWitness({
      findTarget: () => installation.targets[0],
      witnessCredential: createWitnessCredentials({ client: notary.vault, clock: Date.now }),
    });

  const leaseRequest = async (change: Partial<LeaseRequest> = {}): Promise<LeaseRequest> => {
    const { actionId, requestDigest } = await recordRequest(gateway.record, installation.agent);
    return {
      actionId,
      requestDigest,
      actionDigest: requestDigest,
      runId: 'run-1',
      step: 'run',
      purpose: 'execute',
      tokenRole: installation.vault.tokenRoles[1] ?? '',
      credentialPath: `${installation.vault.mounts.database}/creds/orders-execute`,
      target: 'orders',
      ttlSeconds: 120,
      ...change,
    };
  };

  const logIn = async ({ username, password }: LeasedCredential): Promise<pg.Client> => {
    const [target] = installation.targets;
    const client = new pg.Client({
      host: target?.host,
      port: target?.port,
      database: target?.database,
      user: username,
      password: password.reveal(),
    });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const usersOf = (actionId: string) =>
    installation.inTarget(async (client) => {
      const { rows } = await client.query<{ rolname: string }>(
        'select rolname from pg_roles where strpos(rolname, $1) > 0',
        [actionId.toLowerCase()],
      );
      return rows.map(({ rolname }) => rolname);
    });
  /** Accessors of living tokens that were made for an action, as Vault's administrator sees them. */
  const tokensOf = async (actionId: string): Promise<string[]> => {
    const { data } = await installation.vaultAdmin.list('auth/token/accessors');
    const found: string[] = [];
    for (const accessor of (data as { keys: string[] }).keys) {
      const token = await installation.vaultAdmin
        .write('auth/token/lookup-accessor', { accessor })
        .catch((): VaultAnswer => ({}));
      const { meta } = (token.data ?? {}) as { meta?: { action?: string } | null };
      if (meta?.action === actionId) found.push(accessor);
    }
    return found;
  };
  const setVaultLogin = (state: 'login' | 'nologin') =>
    installation.inTarget(async (client) => {
      const role = `${installation.targets[0]?.database ?? ''}_vault`;
      await client.query(`alter role ${role} ${state}`);
      await client.query('select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = $1', [role]);
    });

  it('opens a login that names its action, reads, cannot write, and is on record in order', async () => {
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
      runId: 'run-1',
    });
    expect(latest(statements, 'credential')?.body).toMatchObject({
      accessor: credential.accessor,
      leaseId: credential.leaseId,
      username: credential.username,
      vaultRole: 'orders-execute',
    });
    expect(await notary.claims.openLeases(request.actionId)).toMatchObject([
      { accessor: credential.accessor, credentials: [{ leaseId: credential.leaseId }] },
    ]);
    await concluding.end({ accessor: credential.accessor, actionId: request.actionId });
  });

  it('gives the token no longer than the plan, and the action in its metadata', async () => {
    const request = await leaseRequest({ ttlSeconds: 30 });
    const { accessor, expiresAtMs } = await executing.open(request);
    const { data } = await installation.vaultAdmin.write('auth/token/lookup-accessor', { accessor });
    expect(data).toMatchObject({
      display_name: `token-${request.actionId.toLowerCase()}`,
      explicit_max_ttl: 30,
      num_uses: 1,
      orphan: true,
      meta: { action: request.actionId, digest: request.actionDigest, purpose: 'execute', run: 'run-1' },
    });
    expect(expiresAtMs).toBeLessThanOrEqual(Date.now() + 30_000);
    await concluding.end({ accessor, actionId: request.actionId });
  });

  it('ends with proof from Vault and from the target, records it once, and again says so', async () => {
    const request = await leaseRequest();
    const { accessor, leaseId, username } = await executing.open(request);
    expect(await usersOf(request.actionId)).toEqual([username]);
    const proofs = await concluding.end({ accessor, actionId: request.actionId });
    expect(proofs.map(({ asked }) => asked)).toEqual([
      expect.stringContaining(leaseId),
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
    await expect(executing.end({ accessor: 'a', actionId: 'b' })).rejects.toThrow(/no witness/);
  });

  it('ends a query that is running', async () => {
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

  it('is stopped, revoked and told as an incident when someone else unwrapped the token first', async () => {
    const request = await leaseRequest();
    let stolen = '';
    const client: VaultClient = {
      ...executor.vault,
      async write(path, body, options) {
        const answer = await executor.vault.write(path, body, options);
        if (!path.startsWith('auth/token/create/')) return answer;
        const wrapping = new Secret((answer.wrap_info as { token: string }).token);
        const unwrapped = await executor.vault.write('sys/wrapping/unwrap', {}, { credential: wrapping });
        stolen = (unwrapped.auth as { client_token: string }).client_token;
        return answer;
      },
    };
    const opening = createLeases({ ...optionsOf(executor), client }).open(request);
    await expect(opening).rejects.toMatchObject({ name: 'Refusal', code: 'lease_intercepted' });
    const thief = createVaultClient({ address: installation.vault.address, credential: () => new Secret(stolen) });
    await expect(thief.read(request.credentialPath)).rejects.toMatchObject({ status: 403 });
    const [open] = await notary.claims.openLeases(request.actionId);
    await expect(concluding.end({ accessor: open?.accessor ?? '', actionId: request.actionId })).resolves.toHaveLength(
      3,
    );
  });

  describe('when something is away', () => {
    const deadPool = () => createRecordPool({ url: new Secret('postgres://nobody:none@127.0.0.1:1/none') });

    it('Vault before the lease: a temporary fault, and nothing on record', async () => {
      const request = await leaseRequest();
      const client = createVaultClient({ address: 'http://127.0.0.1:1', credential: () => new Secret('hvs.canary') });
      const error: unknown = await createLeases({ ...optionsOf(executor), client })
        .open(request)
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ name: 'ServiceFault', service: 'vault', temporary: true });
      expect(await notary.claims.openLeases(request.actionId)).toEqual([]);
    });

    it('the lease table: no token survives, nothing was issued', async () => {
      const request = await leaseRequest();
      const pool = deadPool();
      await expect(
        createLeases({ ...optionsOf(executor), claims: createClaims(pool) }).open(request),
      ).rejects.toMatchObject({ service: 'record', temporary: true });
      await pool.end();
      expect(await tokensOf(request.actionId)).toEqual([]);
      expect(await usersOf(request.actionId)).toEqual([]);
    });

    it('the lease table once the credential is issued: the user is gone all the same', async () => {
      const request = await leaseRequest();
      const pool = deadPool();
      const claims = { ...executor.claims, insertCredential: createClaims(pool).insertCredential };
      await expect(createLeases({ ...optionsOf(executor), claims }).open(request)).rejects.toMatchObject({
        service: 'record',
        temporary: true,
      });
      await pool.end();
      expect(await tokensOf(request.actionId)).toEqual([]);
      expect(await usersOf(request.actionId)).toEqual([]);
    });

    it('the record at the end: Vault revokes first, and the proof follows when the record is back', async () => {
      const request = await leaseRequest();
      const { accessor } = await executing.open(request);
      const pool = deadPool();
      const cut = createLeases({ ...optionsOf(notary), witness: witness(), claims: createClaims(pool) });
      await expect(cut.end({ accessor, actionId: request.actionId })).rejects.toMatchObject({
        service: 'record',
        temporary: true,
      });
      await pool.end();
      expect(await tokensOf(request.actionId)).toEqual([]);
      await until(async () => (await usersOf(request.actionId)).length === 0);
      await expect(concluding.end({ accessor, actionId: request.actionId })).resolves.toHaveLength(4);
      expect(latest(await notary.record.ofAction(request.actionId), 'revocation')?.body.accessor).toBe(accessor);
    });

    it('the target at the end: a temporary fault for as long as its user lives, then the proof', async () => {
      const request = await leaseRequest();
      const lease = await executing.open(request);
      await setVaultLogin('nologin');
      try {
        await expect(executing.revoke(lease)).rejects.toMatchObject({
          name: 'ServiceFault',
          service: 'vault',
          temporary: true,
        });
        await expect(concluding.end({ accessor: lease.accessor, actionId: request.actionId })).rejects.toMatchObject({
          temporary: true,
        });
        expect(await usersOf(request.actionId)).toEqual([lease.username]);
        expect(await notary.claims.openLeases(request.actionId)).toHaveLength(1);
      } finally {
        await setVaultLogin('login');
      }
      await expect(concluding.end({ accessor: lease.accessor, actionId: request.actionId })).resolves.toHaveLength(4);
      expect(await usersOf(request.actionId)).toEqual([]);
    });
  });

  it('ends what a crash left between Vault’s answer and its row, by the action’s name', async () => {
    const request = await leaseRequest();
    const crash = new Error('the process is gone');
    // Everything after the answer fails, clean-up included, as when the process was killed.
    const client: VaultClient = {
      ...executor.vault,
      write: (path, body, options) =>
        /revoke/.test(path) ? Promise.reject(crash) : executor.vault.write(path, body, options),
    };
    const claims = { ...executor.claims, insertCredential: () => Promise.reject(crash) };
    const record = {
      ...executor.record,
      append: (drafts: Parameters<typeof executor.record.append>[0]) =>
        drafts[0]?.kind === 'credential' ? Promise.reject(crash) : executor.record.append(drafts),
    };
    await expect(createLeases({ ...optionsOf(executor), client, claims, record }).open(request)).rejects.toBe(crash);
    expect(await usersOf(request.actionId)).toHaveLength(1);
    const [left] = await notary.claims.openLeases(request.actionId);
    expect(left).toMatchObject({ target: 'orders', credentials: [] });
    // Without the lease's name Vault revokes in the background: the witness refuses until it is done.
    await until(() =>
      concluding.end({ accessor: left?.accessor ?? '', actionId: request.actionId }).then(
        () => true,
        (error: unknown) => {
          expect(error).toBeInstanceOf(ServiceFault);
          return false;
        },
      ),
    );
    expect(await usersOf(request.actionId)).toEqual([]);
  });

  it('keeps its secrets out of errors, statements, rows and every print of what it hands out', async () => {
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
    const credential = await createLeases({ ...optionsOf(executor), client: spying }).open(request);
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
        .write('sys/mounts/x', { password: credential.password.reveal() })
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
      String(credential.password),
    ].join('\n');
    for (const secret of [...tokens, credential.password.reveal()]) {
      expect(secret.length).toBeGreaterThan(15);
      expect(seen.includes(secret)).toBe(false);
    }
    await concluding.end({ accessor: credential.accessor, actionId: request.actionId });
  });

  it('opens nothing from a token role or a path that is not the process’s own', async () => {
    const preview = await leaseRequest({ tokenRole: installation.vault.tokenRoles[0] ?? '' });
    await expect(executing.open(preview)).rejects.toMatchObject({ service: 'vault', temporary: false });
    const elsewhere = await leaseRequest({
      credentialPath: `${installation.vault.mounts.database}/creds/orders-preview`,
    });
    await expect(executing.open(elsewhere)).rejects.toMatchObject({ service: 'vault', temporary: false });
    expect(await tokensOf(elsewhere.actionId)).toEqual([]);
    const traversal = await leaseRequest({
      credentialPath: `${installation.vault.mounts.database}/creds/../../sys/mounts`,
    });
    await expect(executing.open(traversal)).rejects.toThrow(/plain segments/);
    expect(await tokensOf(traversal.actionId)).toEqual([]);
    await expect(executing.open(await leaseRequest())).resolves.not.toBeInstanceOf(Refusal);
  });
});
