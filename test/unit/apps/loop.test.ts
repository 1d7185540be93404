import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loopEvery } from '../../../apps/loop.js';

describe('a loop', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('holds up no passes while one goes on: after a long one it runs once an interval again', async () => {
    const ends: (() => void)[] = [];
    const loop = loopEvery(
      1_000,
      () => new Promise<void>((resolve) => ends.push(resolve)),
      () => undefined,
    );
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ends).toHaveLength(1);
    ends[0]?.();
    await vi.advanceTimersByTimeAsync(0);
    expect(ends).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(ends).toHaveLength(2);
    ends[1]?.();
    await loop.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ends).toHaveLength(2);
  });

  it('tells of a pass that fails, and goes on', async () => {
    const faults: unknown[] = [];
    const loop = loopEvery(
      1_000,
      () => Promise.reject(new Error('away')),
      (error) => faults.push(error),
    );
    await vi.advanceTimersByTimeAsync(2_000);
    expect(faults).toMatchObject([{ message: 'away' }, { message: 'away' }]);
    await loop.stop();
  });
});
