import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { latest } from '../../src/record/record.js';
import { createSweeper, type SweeperOptions } from '../../src/vault/sweep.js';
import { startLeasing, type Leasing } from '../support/leasing.js';

describe('the sweeper', () => {
  let leasing: Leasing;
  let options: SweeperOptions;
  let nowMs = 0;

  beforeAll(async () => {
    leasing = await startLeasing();
    const { installation, notary, concluding } = leasing;
    options = {
      client: notary.vault,
      claims: notary.claims,
      leases: concluding,
      isLive: async () => true,
      tokenRoles: new Set(installation.vault.tokenRoles),
      clock: () => nowMs,
    };
  });
  beforeEach(() => {
    nowMs = Date.now();
  });
  afterAll(() => leasing.installation.close());

  const openLease = async () => {
    const request = await leasing.leaseRequest();
    return { ...(await leasing.executing.open(request)), actionId: request.actionId };
  };
  const openRows = async () => (await leasing.notary.claims.openLeases()).map(({ accessor }) => accessor);
  const isAlive = (accessor: string) =>
    leasing.installation.vaultAdmin.write('auth/token/lookup-accessor', { accessor }).then(
      () => true,
      () => false,
    );
  const orphanToken = async () => {
    const [, tokenRole] = leasing.installation.vault.tokenRoles;
    const answer = await leasing.executor.vault.write(
      `auth/token/create/${tokenRole ?? ''}`,
      { ttl: '300s' },
      { wrapTtlSeconds: 60 },
    );
    return (answer.wrap_info as { wrapped_accessor: string }).wrapped_accessor;
  };

  it('ends the lease of a run that is over, proves it, and keeps that of a live one', async () => {
    const [dead, live] = [await openLease(), await openLease()];
    const sweep = createSweeper({
      ...options,
      isLive: async (actionId, runId) => runId !== `run-of-${dead.actionId}` && actionId !== dead.actionId,
    });
    expect(await sweep()).toEqual({ ended: 1, failed: 0 });
    expect(await openRows()).toEqual([live.accessor]);
    expect([await isAlive(dead.accessor), await isAlive(live.accessor)]).toEqual([false, true]);
    expect((await leasing.notary.record.ofAction(dead.actionId)).map(({ kind }) => kind)).toContain('revocation');
    expect(await sweep()).toEqual({ ended: 0, failed: 0 });
    nowMs += 121_000;
    expect(await sweep()).toEqual({ ended: 1, failed: 0 });
  });

  it('proves the end of a lease that was revoked, while its run goes on', async () => {
    const request = await leasing.leaseRequest();
    const lease = await leasing.executing.open(request);
    const sweep = createSweeper(options);
    expect(await sweep()).toEqual({ ended: 0, failed: 0 });
    await leasing.executing.revoke(lease);
    expect(await sweep()).toEqual({ ended: 1, failed: 0 });
    expect(await openRows()).toEqual([]);
    const statements = await leasing.notary.record.ofAction(request.actionId);
    expect(latest(statements, 'revocation')?.body.proofs).not.toEqual([]);
    expect(await sweep()).toEqual({ ended: 0, failed: 0 });
  });

  it('ends nothing that a late list of Vault leaves out while it lives', async () => {
    const lease = await openLease();
    const { client } = options;
    const late = { ...client, list: async () => ({ data: { keys: [] } }) as never };
    expect(await createSweeper({ ...options, client: late })()).toEqual({ ended: 0, failed: 0 });
    expect([await openRows(), await isAlive(lease.accessor)]).toEqual([[lease.accessor], true]);
    await leasing.executing.revoke(lease);
    expect(await createSweeper({ ...options, client: late })()).toEqual({ ended: 1, failed: 0 });
    expect(await openRows()).toEqual([]);
  });

  it('waits with that proof while another lease of the action lives', async () => {
    const request = await leasing.leaseRequest();
    const { actionId, requestDigest } = request;
    const first = await leasing.executing.open(request);
    await leasing.executing.revoke(first);
    const second = await leasing.executing.open(
      await leasing.leaseRequest({ actionId, requestDigest, step: 'second' }),
    );
    const sweep = createSweeper(options);
    expect(await sweep()).toEqual({ ended: 0, failed: 0 });
    // Not even when its time is over: a witness that ends what is left would end what the other one runs.
    const listed = await leasing.notary.claims.openLeases();
    const overdue = listed.map((lease) => (lease.accessor === first.accessor ? { ...lease, ttlSeconds: -1 } : lease));
    const { knowsAccessor } = leasing.notary.claims;
    const late = createSweeper({ ...options, claims: { openLeases: async () => overdue, knowsAccessor } });
    expect(await late()).toEqual({ ended: 0, failed: 0 });
    expect(await openRows()).toEqual([first.accessor, second.accessor]);
    await leasing.executing.revoke(second);
    expect(await sweep()).toEqual({ ended: 2, failed: 0 });
    expect(await openRows()).toEqual([]);
  });

  it('still ends what is over when Vault does not list accessors, and says that it could not look', async () => {
    const lease = await openLease();
    const { client } = options;
    const sealed = { ...client, list: () => client.list('sys/seal') };
    nowMs += 121_000;
    await expect(createSweeper({ ...options, client: sealed })()).rejects.toMatchObject({ service: 'vault' });
    expect([await openRows(), await isAlive(lease.accessor)]).toEqual([[], false]);
  });

  it('ends by time alone what it cannot ask Temporal about', async () => {
    const lease = await openLease();
    const sweep = createSweeper({ ...options, isLive: async () => 'unknown' });
    expect(await sweep()).toEqual({ ended: 0, failed: 0 });
    expect(await openRows()).toEqual([lease.accessor]);
    nowMs += 121_000;
    expect(await sweep()).toEqual({ ended: 1, failed: 0 });
    expect(await openRows()).toEqual([]);
  });

  it('ends tokens of our roles that no row names once their grace is over, and touches no others', async () => {
    const orphan = await orphanToken();
    const foreign = await leasing.installation.vaultAdmin.write('auth/token/create', {
      ttl: '300s',
      policies: ['default'],
    });
    const { accessor: foreignAccessor } = foreign.auth as { accessor: string };
    const sweep = createSweeper({ ...options, graceMs: 60_000 });
    expect(await sweep()).toEqual({ ended: 0, failed: 0 });
    expect(await isAlive(orphan)).toBe(true);
    nowMs += 62_000;
    expect(await sweep()).toEqual({ ended: 1, failed: 0 });
    expect([await isAlive(orphan), await isAlive(foreignAccessor)]).toEqual([false, true]);
    await leasing.installation.vaultAdmin.write('auth/token/revoke-accessor', { accessor: foreignAccessor });
  });

  it('counts tokens that it is not let look at, tells why, and ends the others', async () => {
    const [hidden, other] = [await orphanToken(), await orphanToken()];
    const { client } = options;
    const failures: unknown[] = [];
    const sweep = createSweeper({
      ...options,
      graceMs: 0,
      onFailure: (error) => failures.push(error),
      client: {
        ...client,
        write: (path, body, ...rest) => {
          const isHidden = path === 'auth/token/lookup-accessor' && (body as { accessor: string }).accessor === hidden;
          return isHidden ? client.write('sys/seal', {}) : client.write(path, body, ...rest);
        },
      },
    });
    nowMs += 2_000;
    expect(await sweep()).toEqual({ ended: 1, failed: 1 });
    expect(failures).toMatchObject([{ status: 403 }]);
    expect([await isAlive(hidden), await isAlive(other)]).toEqual([true, false]);
    expect(await createSweeper({ ...options, graceMs: 0 })()).toEqual({ ended: 1, failed: 0 });
  });

  it('counts what it could not end, goes on with the others, and ends it the next time', async () => {
    const [stuck, other] = [await openLease(), await openLease()];
    const orphan = await orphanToken();
    let broken = true;
    const leases = {
      end: (lease: { accessor: string; actionId: string }) =>
        broken && lease.accessor === stuck.accessor
          ? Promise.reject(new Error('the target is away'))
          : options.leases.end(lease),
    };
    const failures: unknown[] = [];
    const sweep = createSweeper({
      ...options,
      leases,
      graceMs: 0,
      isLive: async () => false,
      onFailure: (error) => failures.push(error),
    });
    nowMs += 2_000;
    expect(await sweep()).toEqual({ ended: 2, failed: 1 });
    expect(failures).toMatchObject([{ message: 'the target is away' }]);
    expect(await openRows()).toEqual([stuck.accessor]);
    expect([await isAlive(other.accessor), await isAlive(orphan)]).toEqual([false, false]);
    broken = false;
    expect(await sweep()).toEqual({ ended: 1, failed: 0 });
    expect(await openRows()).toEqual([]);
  });
});
