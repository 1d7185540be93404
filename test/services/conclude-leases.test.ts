import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { concludeAction } from '../../activities/conclude.js';
import type { Channel } from '../../src/channels/channel.js';
import type { ConcludeInput } from '../../src/contracts/activities.js';
import { ServiceFault } from '../../src/core/errors.js';
import { viewAction } from '../../src/record/action-view.js';
import { latest } from '../../src/record/record.js';
import type { Leases } from '../../src/vault/leases.js';
import { createLeases } from '../../src/vault/vault-leases.js';
import { startLeasing, type Leasing } from '../support/leasing.js';
import { until } from '../support/until.js';
import { loadPolicy } from '../unit/enforcement/evidence.js';
import { EXAMPLE } from '../unit/policy/bundle-folders.js';

const example = await loadPolicy(EXAMPLE);

const ENDED: ConcludeInput['ended'] = {
  kind: 'not_run',
  status: 'cancelled',
  code: 'cancelled',
  message: 'Cancelled.',
};
const away = (): Error => new ServiceFault('target', 'The target is away.', true);
const waiting = (): Error => new ServiceFault('target', 'It ends with its time.', true, { retryAfterMs: 60_000 });

describe('concluding an action of two leases', () => {
  let leasing: Leasing;
  beforeAll(async () => {
    leasing = await startLeasing();
  });
  afterAll(() => leasing.installation.close());

  const openTwo = async () => {
    const request = await leasing.leaseRequest();
    const first = await leasing.executing.open(request);
    const second = await leasing.executing.open({ ...request, step: 'again' });
    return { actionId: request.actionId, first, second };
  };
  const openRows = async (actionId: string) =>
    (await leasing.notary.claims.openLeases(actionId)).map(({ accessor }) => accessor);
  const late: string[] = [];
  const channel: Channel = {
    name: 'pager',
    announce: () => Promise.resolve(),
    leaseLate: async ({ actionId }) => void late.push(actionId),
  };
  const conclude = async (actionId: string, closing: boolean, end: Leases['end'], record = leasing.notary.record) => {
    const { claims } = leasing.notary;
    const endAll: Leases['endAll'] = (open) => Promise.allSettled(open.map((lease) => end(lease)));
    const leases = { ...leasing.concluding, endAll };
    const onInternal = (): void => undefined;
    return concludeAction(
      { record, policy: () => example, claims, leases, channels: [channel], clock: Date.now, onInternal },
      { actionId, ended: ENDED, closing },
    );
  };

  it('ends both at once, though the first is proven only when the second has ended', async () => {
    const { actionId, first, second } = await openTwo();
    expect(await openRows(actionId)).toEqual([first.accessor, second.accessor]);
    const { end } = leasing.concluding;
    await expect(end({ accessor: first.accessor, actionId })).rejects.toThrow(/still knows/);
    expect(await conclude(actionId, false, end)).toMatchObject({ lease: 'revoked' });
    expect(await openRows(actionId)).toEqual([]);
    expect(await leasing.usersOf(actionId)).toEqual([]);
  });

  it('states the ends of both in one piece, and neither where the record is away', async () => {
    const { actionId } = await openTwo();
    const { record, claims } = leasing.notary;
    const open = await claims.openLeases(actionId);
    const [request] = await record.ofAction(actionId);
    const requestDigest = request?.statement.subject[0].digest.sha256 ?? '';
    const stated: string[] = [];
    const recordedBy = (append: typeof record.append) =>
      createLeases({ ...leasing.notaryOptions, record: { ...record, append } }).endAll(open, requestDigest);
    const isProven = ({ status }: PromiseSettledResult<unknown>): boolean => status === 'fulfilled';
    const lost = await recordedBy(() => Promise.reject(new ServiceFault('record', 'The record is away.', true)));
    expect(lost.filter(isProven)).toEqual([]);
    expect(await openRows(actionId)).toHaveLength(2);
    await until(async () => {
      const ends = await recordedBy((drafts) => {
        stated.push(drafts.map(({ kind }) => kind).join());
        return record.append(drafts);
      });
      return ends.every(isProven);
    });
    expect(stated.at(-1)).toBe('revocation,revocation');
    expect(await openRows(actionId)).toEqual([]);
  });

  it('lets nobody lease behind its end: what the receipt says of leases stays true', async () => {
    const request = await leasing.leaseRequest();
    const { actionId } = request;
    await leasing.executing.open(request);
    const { end } = leasing.concluding;
    let late: unknown = null;
    // An executor that asks the target what came of an effect, just after the notary has looked which leases are open.
    const crossing: Leases['end'] = async (lease) => {
      const proofs = await end(lease);
      late = await leasing.executing.open({ ...request, step: 'outcome' }).catch((error: unknown) => error);
      return proofs;
    };
    expect(await conclude(actionId, false, crossing)).toMatchObject({ lease: 'revoked' });
    expect(late).toMatchObject({ name: 'Refusal', code: 'action_closed' });
    expect([await openRows(actionId), await leasing.tokensOf(actionId), await leasing.usersOf(actionId)]).toEqual([
      [],
      [],
      [],
    ]);
    expect(viewAction(await leasing.notary.record.ofAction(actionId))).toMatchObject({ lease: 'revoked' });
  });

  it.each<[what: string, closing: boolean, fault: () => Error, thrown: RegExp | null]>([
    ['the target is away, at first: the receipt says so', false, away, null],
    ['the target is away, when only the proof is missing: asked again', true, away, /The target is away/],
    ['it is no service’s fault: asked again', false, () => new TypeError('our own mistake'), /our own mistake/],
  ])('the first cannot be ended, for %s; the second is ended all the same', async (_what, closing, fault, thrown) => {
    const { actionId, first, second } = await openTwo();
    const { end } = createLeases(leasing.notaryOptions);
    const concluded = conclude(actionId, closing, (lease) =>
      lease.accessor === first.accessor ? Promise.reject(fault()) : end(lease),
    );
    if (thrown === null) expect(await concluded).toMatchObject({ lease: 'open' });
    else await expect(concluded).rejects.toThrow(thrown);
    expect(await leasing.usersOf(actionId)).toEqual([first.username]);
    const receipt = latest(await leasing.notary.record.ofAction(actionId), 'receipt');
    expect(receipt?.body.lease).toBe(thrown === null ? 'open' : undefined);
    await leasing.executing.revoke(first);
    for (const { accessor } of [first, second]) await leasing.concluding.end({ accessor, actionId });
  });

  it.each<[string, boolean, () => Error, boolean]>([
    ['somebody is told that it is late, while the target is away', false, away, true],
    ['at each attempt', true, away, true],
    ['nobody, where it ends with its time', false, () => waiting(), false],
  ])('%s', async (_what, closing, fault, isTold) => {
    const request = await leasing.leaseRequest();
    const { actionId } = request;
    const { accessor } = await leasing.executing.open(request);
    await conclude(actionId, closing, () => Promise.reject(fault())).catch(() => undefined);
    expect(late.includes(actionId)).toBe(isTold);
    await leasing.concluding.end({ accessor, actionId });
  });

  it('tells that it is late where Vault is away, so that no receipt can be signed either', async () => {
    const request = await leasing.leaseRequest();
    const { actionId } = request;
    const { accessor } = await leasing.executing.open(request);
    const unsigned = { ...leasing.notary.record, append: () => Promise.reject(away()) };
    await expect(conclude(actionId, false, () => Promise.reject(away()), unsigned)).rejects.toThrow(/away/);
    expect(late).toContain(actionId);
    await leasing.concluding.end({ accessor, actionId });
  });
});
