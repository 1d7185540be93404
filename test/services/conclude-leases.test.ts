import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { concludeAction } from '../../activities/conclude.js';
import type { ConcludeInput } from '../../src/contracts/activities.js';
import { ServiceFault } from '../../src/core/errors.js';
import { latest } from '../../src/record/record.js';
import type { Leases } from '../../src/vault/leases.js';
import { createLeases } from '../../src/vault/vault-leases.js';
import { startLeasing, type Leasing } from '../support/leasing.js';

const ENDED: ConcludeInput['ended'] = {
  kind: 'not_run',
  status: 'cancelled',
  code: 'cancelled',
  message: 'Cancelled.',
};
const away = (): Error => new ServiceFault('target', 'The target is away.', true);

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
  const conclude = async (actionId: string, closing: boolean, end: Leases['end']) => {
    const { record, claims } = leasing.notary;
    const leases = { ...leasing.concluding, end };
    const onInternal = (): void => undefined;
    return concludeAction(
      { record, claims, leases, channels: [], clock: Date.now, onInternal },
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
});
