import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServiceFault } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import type { OpenLease } from '../../src/record/claims.js';
import { createClaims } from '../../src/record/postgres-claims.js';
import { createRecordPool } from '../../src/record/postgres/pool.js';
import { allOf, latest, type Record } from '../../src/record/record.js';
import { createVaultClient, type VaultAnswer, type VaultClient } from '../../src/vault/client.js';
import { createLeases } from '../../src/vault/vault-leases.js';
import { startLeasing, type Leasing } from '../support/leasing.js';
import { until } from '../support/until.js';

describe('leases, when things go wrong', () => {
  let leasing: Leasing;
  beforeAll(async () => {
    leasing = await startLeasing();
  });
  afterAll(() => leasing.installation.close());

  /** Lets Vault into the target, or no more. */
  const setVaultLogin = (state: 'login' | 'nologin') =>
    leasing.installation.inTarget(async (client) => {
      const role = `${leasing.installation.targets[0]?.database ?? ''}_vault`;
      await client.query(`alter role ${role} ${state}`);
      await client.query('select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = $1', [role]);
    });

  /** Reads along, and unwraps first. */
  const thief = (vault: VaultClient, steal: (token: string) => void = () => undefined): VaultClient => ({
    ...vault,
    async write(path, body, options) {
      const answer = await vault.write(path, body, options);
      if (!path.startsWith('auth/token/create/')) return answer;
      const wrapping = new Secret((answer.wrap_info as { token: string }).token);
      const unwrapped = await vault.write('sys/wrapping/unwrap', {}, { credential: wrapping });
      steal((unwrapped.auth as { client_token: string }).client_token);
      return answer;
    },
  });

  const incidentsOf = async (actionId: string) => allOf(await leasing.notary.record.ofAction(actionId), 'incident');

  /** Without the credential's name Vault revokes in the background: the witness refuses until it is done. */
  const untilEnded = (lease: OpenLease | undefined) =>
    until(() =>
      leasing.concluding.end({ accessor: lease?.accessor ?? '', actionId: lease?.actionId ?? '' }).then(
        () => true,
        (error: unknown) => {
          expect(error).toBeInstanceOf(ServiceFault);
          return false;
        },
      ),
    );

  it('is stopped, revoked and told as an incident when someone else unwrapped the token first', async () => {
    const { installation, executor, notary, concluding, executorOptions, leaseRequest } = leasing;
    const request = await leaseRequest();
    let stolen = '';
    const client = thief(executor.vault, (token) => {
      stolen = token;
    });
    const opening = createLeases({ ...executorOptions, client }).open(request);
    await expect(opening).rejects.toMatchObject({ name: 'Refusal', code: 'lease_intercepted' });
    const thieving = createVaultClient({ address: installation.vault.address, credential: () => new Secret(stolen) });
    await expect(thieving.read(request.role)).rejects.toMatchObject({ status: 403 });
    const [open] = await notary.claims.openLeases(request.actionId);
    // What it fails with enters Temporal's history.
    await expect(opening).rejects.not.toThrow(open?.accessor ?? '');
    await expect(concluding.end({ accessor: open?.accessor ?? '', actionId: request.actionId })).resolves.toHaveLength(
      3,
    );
    const incidents = await incidentsOf(request.actionId);
    expect(incidents).toMatchObject([{ body: { code: 'lease_intercepted', severity: 'critical' } }]);
    expect(incidents[0]?.body.sentence.length).toBeLessThanOrEqual(500);
  });

  it('has told of a stolen token though the process is killed before its revocation comes back', async () => {
    const { executor, executorOptions, leaseRequest } = leasing;
    const request = await leaseRequest();
    const client = thief(executor.vault);
    let answer = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const write: VaultClient['write'] = async (path, body, options) => {
      if (path.includes('revoke')) await held;
      return client.write(path, body, options);
    };
    const opening = createLeases({ ...executorOptions, client: { ...client, write } }).open(request);
    opening.catch(() => undefined);
    await until(async () => (await incidentsOf(request.actionId)).length === 1);
    answer();
    await expect(opening).rejects.toMatchObject({ code: 'lease_intercepted' });
  });

  it('waits with a stolen token’s incident for the record, and not with its revocation', async () => {
    const { executor, executorOptions, leaseRequest, tokensOf } = leasing;
    const request = await leaseRequest();
    let isAway = true;
    const append: Record['append'] = (drafts) =>
      isAway && drafts.some(({ kind }) => kind === 'incident')
        ? Promise.reject(new ServiceFault('record', 'The record is away.', true))
        : executor.record.append(drafts);
    const record = { ...executor.record, append };
    const opening = createLeases({ ...executorOptions, client: thief(executor.vault), record }).open(request);
    opening.catch(() => undefined);
    await until(async () => (await leasing.notary.claims.openLeases(request.actionId)).length === 1);
    await until(async () => (await tokensOf(request.actionId)).length === 0);
    expect(await incidentsOf(request.actionId)).toEqual([]);
    isAway = false;
    await expect(opening).rejects.toMatchObject({ code: 'lease_intercepted' });
    expect(await incidentsOf(request.actionId)).toHaveLength(1);
  });

  const foreign: [what: string, wrap: (admin: VaultClient) => Promise<VaultAnswer>][] = [
    // What says nothing of an accessor could not be revoked.
    ['no token', (admin) => admin.write('sys/wrapping/wrap', { some: 'thing' }, { wrapTtlSeconds: 60 })],
    ['a token of another role', (admin) => admin.write('auth/token/create', { ttl: '60s' }, { wrapTtlSeconds: 60 })],
  ];
  it.each(foreign)('is refused when what Vault hands out wraps %s; nothing is on record', async (_, wrap) => {
    const { installation, executor, notary, executorOptions, leaseRequest } = leasing;
    const request = await leaseRequest();
    const answered: string[] = [];
    const client: VaultClient = {
      ...executor.vault,
      async write(path, ...rest) {
        answered.push(path);
        return path.startsWith('auth/token/create/')
          ? wrap(installation.vaultAdmin)
          : executor.vault.write(path, ...rest);
      },
    };
    await expect(createLeases({ ...executorOptions, client }).open(request)).rejects.toThrow(
      /wraps something else than the token that was asked for/,
    );
    expect(answered).toHaveLength(1);
    expect(await notary.claims.openLeases(request.actionId)).toEqual([]);
  });

  describe('when something is away', () => {
    const deadPool = () => createRecordPool({ url: new Secret('postgres://nobody:none@127.0.0.1:1/none') });

    it('Vault before the lease: a temporary fault, and nothing on record', async () => {
      const { notary, executorOptions, leaseRequest } = leasing;
      const request = await leaseRequest();
      const client = createVaultClient({ address: 'http://127.0.0.1:1', credential: () => new Secret('hvs.canary') });
      const error: unknown = await createLeases({ ...executorOptions, client })
        .open(request)
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ name: 'ServiceFault', service: 'vault', temporary: true });
      expect(await notary.claims.openLeases(request.actionId)).toEqual([]);
    });

    it('the lease table: no token survives, nothing was issued', async () => {
      const { executorOptions, leaseRequest, usersOf, tokensOf } = leasing;
      const request = await leaseRequest();
      const pool = deadPool();
      await expect(
        createLeases({ ...executorOptions, claims: createClaims(pool) }).open(request),
      ).rejects.toMatchObject({ service: 'record', temporary: true });
      await pool.end();
      expect(await tokensOf(request.actionId)).toEqual([]);
      expect(await usersOf(request.actionId)).toEqual([]);
    });

    it('the record once the credential is issued: the user is gone all the same', async () => {
      const { executor, executorOptions, leaseRequest, usersOf, tokensOf } = leasing;
      const request = await leaseRequest();
      const append: Record['append'] = async (drafts) => {
        if (drafts.some(({ kind }) => kind === 'credential'))
          throw new ServiceFault('record', 'The record is away.', true);
        return executor.record.append(drafts);
      };
      const leases = createLeases({ ...executorOptions, record: { ...executor.record, append } });
      const lease = await leases.open(request);
      await expect(lease.onRecord).rejects.toMatchObject({ service: 'record', temporary: true });
      await leases.revoke(lease);
      expect(await tokensOf(request.actionId)).toEqual([]);
      expect(await usersOf(request.actionId)).toEqual([]);
    });

    it('the record at the end: Vault revokes first, and the proof follows when the record is back', async () => {
      const { notary, executing, concluding, notaryOptions, leaseRequest, usersOf, tokensOf } = leasing;
      const request = await leaseRequest();
      const { accessor } = await executing.open(request);
      const pool = deadPool();
      const cut = createLeases({ ...notaryOptions, claims: createClaims(pool) });
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
      const { notary, executing, concluding, leaseRequest, usersOf } = leasing;
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

  it('names on record what was issued under a lease whose end is proven: it is gone, and cannot be used', async () => {
    const { executor, notary, executorOptions, leaseRequest, usersOf } = leasing;
    const request = await leaseRequest();
    let arrive = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    // Vault has issued it, and the answer is long under way.
    const read: VaultClient['read'] = async (path, options) => {
      const answer = await executor.vault.read(path, options);
      await held;
      return answer;
    };
    const executing = createLeases({ ...executorOptions, client: { ...executor.vault, read } });
    const opening = executing.open(request);
    await until(async () => (await usersOf(request.actionId)).length === 1);
    const [username] = await usersOf(request.actionId);
    const [lease] = await notary.claims.openLeases(request.actionId);
    await untilEnded(lease);
    expect(await usersOf(request.actionId)).toEqual([]);
    arrive();
    const opened = await opening;
    expect(opened.username).toBe(username);
    await expect(opened.onRecord).rejects.toMatchObject({ name: 'Refusal', code: 'action_closed' });
    await expect(opened.onRecord).rejects.not.toThrow(username ?? '');
    const statements = await notary.record.ofAction(request.actionId);
    expect(allOf(statements, 'credential')).toEqual([]);
    expect(allOf(statements, 'refusal').map(({ body }) => body)).toMatchObject([
      { code: 'action_closed', message: expect.stringContaining(username ?? 'no user') as string },
    ]);
    await executing.revoke(opened);
    expect(await usersOf(request.actionId)).toEqual([]);
  });

  it('ends what a crash left between Vault’s answer and its row, by the action’s name', async () => {
    const { executor, notary, executorOptions, leaseRequest, usersOf } = leasing;
    const request = await leaseRequest();
    const crash = new Error('the process is gone');
    // Everything after the answer fails, clean-up included, as when the process was killed.
    const client: VaultClient = {
      ...executor.vault,
      write: (path, body, options) =>
        /revoke/.test(path) ? Promise.reject(crash) : executor.vault.write(path, body, options),
    };
    const record = {
      ...executor.record,
      append: (drafts: Parameters<typeof executor.record.append>[0]) =>
        drafts[0]?.kind === 'credential' ? Promise.reject(crash) : executor.record.append(drafts),
    };
    const { onRecord } = await createLeases({ ...executorOptions, client, record }).open(request);
    await expect(onRecord).rejects.toBe(crash);
    expect(await usersOf(request.actionId)).toHaveLength(1);
    const [left] = await notary.claims.openLeases(request.actionId);
    expect(left).toMatchObject({ target: 'orders', credentials: [] });
    await untilEnded(left);
    expect(await usersOf(request.actionId)).toEqual([]);
  });
});
