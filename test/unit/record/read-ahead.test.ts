import { describe, expect, it } from 'vitest';
import type { Change } from '../../../src/record/changes.js';
import { readAhead } from '../../../src/record/read-ahead.js';

/** A reader whose every read waits until it is let go on. */
function readerThatWaits() {
  const began: string[] = [];
  const ends: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const listeners = new Set<(change: Change) => void>();
  const ahead = readAhead({
    record: {
      ofAction: (actionId) =>
        new Promise((resolve, reject) => {
          began.push(actionId);
          const end = (): void => {
            resolve([]);
          };
          ends.push({ resolve: end, reject });
        }),
    },
    changes: {
      subscribe(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  });
  const plan = (actionId: string): void => {
    for (const listener of [...listeners]) listener({ kind: 'plan', actionId });
  };
  return { began, ends, plan, ahead, listeners };
}

describe('reading ahead', () => {
  it('takes one action at a time, each once while it waits, and of a flood no more than it says', async () => {
    const { began, ends, plan, ahead } = readerThatWaits();
    const flood = Array.from({ length: 1_000 }, (_, index) => `action-${String(index)}`);
    for (const actionId of flood) plan(actionId);
    plan('action-1');
    for (let read = 1; read <= 33; read += 1) {
      await new Promise(setImmediate);
      expect(began).toHaveLength(read);
      ends[read - 1]?.resolve();
    }
    await ahead.stop();
    expect(began).toEqual(flood.slice(0, 33));
  });

  it('goes on behind what could not be read, and rests in between', async () => {
    const { began, ends, plan, ahead } = readerThatWaits();
    plan('tampered');
    plan('next');
    ends[0]?.reject(new Error('A statement is not valid.'));
    await new Promise(setImmediate);
    expect(began).toEqual(['tampered', 'next']);
    ends[1]?.reject(new Error('The record cannot be reached.'));
    await new Promise(setImmediate);
    plan('later');
    expect(began).toEqual(['tampered', 'next', 'later']);
    ends[2]?.resolve();
    await ahead.stop();
  });

  it('begins nothing more once it is stopped, and stops when the read under way has ended', async () => {
    const { began, ends, plan, ahead, listeners } = readerThatWaits();
    plan('under way');
    plan('waiting');
    let isStopped = false;
    const stopped = ahead.stop().then(() => (isStopped = true));
    plan('too late');
    expect(listeners.size).toBe(0);
    await new Promise(setImmediate);
    expect(isStopped).toBe(false);
    ends[0]?.resolve();
    await stopped;
    expect(began).toEqual(['under way']);
  });
});
