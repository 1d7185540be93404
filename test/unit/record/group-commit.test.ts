import { describe, expect, it } from 'vitest';
import { ServiceFault } from '../../../src/core/errors.js';
import { createGroupCommit } from '../../../src/record/postgres/group-commit.js';

/** A store whose first write waits until it is released, so that what comes meanwhile has to share the next. */
function storeThatWaits(refuse: (item: number) => Error | null = () => null) {
  const groups: number[][] = [];
  let release = (): void => undefined;
  const first = new Promise<void>((resolve) => {
    release = resolve;
  });
  const append = createGroupCommit<number, string>(async (items) => {
    groups.push([...items]);
    if (groups.length === 1) await first;
    for (const item of items) {
      const error = refuse(item);
      if (error !== null) throw error;
    }
    return items.map((item) => `wrote ${String(item)}`);
  }, 4);
  return { append, groups, release };
}

describe('the group commit', () => {
  it('lets what comes during a write share the next one, in order, within its limit; each caller gets its own', async () => {
    const { append, groups, release } = storeThatWaits();
    const calls = [[1], [2, 3], [4], [5, 6], [7]].map((items) => append(items));
    release();
    expect(await Promise.all(calls)).toEqual([
      ['wrote 1'],
      ['wrote 2', 'wrote 3'],
      ['wrote 4'],
      ['wrote 5', 'wrote 6'],
      ['wrote 7'],
    ]);
    expect(groups).toEqual([[1], [2, 3, 4], [5, 6, 7]]);
  });

  it('takes a call that is larger than the limit by itself', async () => {
    const { append, groups, release } = storeThatWaits();
    const calls = [append([1]), append([2, 3, 4, 5, 6]), append([7])];
    release();
    await Promise.all(calls);
    expect(groups).toEqual([[1], [2, 3, 4, 5, 6], [7]]);
  });

  it('writes the others when one call cannot be written', async () => {
    const { append, release } = storeThatWaits((item) => (item === 3 ? new Error('three') : null));
    const calls = [append([1]), append([2]), append([3, 4]), append([5])];
    release();
    expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
  });

  it('tells all of them at once when the store is away, and goes on when it is back', async () => {
    let isAway = true;
    const { append, groups, release } = storeThatWaits(() =>
      isAway ? new ServiceFault('record', 'away', true) : null,
    );
    const calls = [append([1]), append([2]), append([3])];
    release();
    expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(groups).toEqual([[1], [2, 3]]);
    isAway = false;
    expect(await append([4])).toEqual(['wrote 4']);
  });
});
