import { describe, expect, test } from 'vitest';
import { createFreezeWatch } from '../../../activities/freeze-watch.js';
import { Refusal, ServiceFault } from '../../../src/core/errors.js';
import type { Change } from '../../../src/record/changes.js';
import { evidenceOf, freeze, freezeByPerson, honestFacts, loadPolicy } from '../enforcement/evidence.js';
import { EXAMPLE } from '../policy/bundle-folders.js';

const example = await loadPolicy(EXAMPLE);
const SUBJECT = { agent: 'export-bot', operation: 'database.export' };

function watching(pollMs = 60_000) {
  const facts = honestFacts(example);
  const away = { record: false };
  const asked = { times: 0 };
  const faults: unknown[] = [];
  const listeners = new Set<(change: Change) => void>();
  const watch = createFreezeWatch({
    policy: () => example,
    record: {
      freezesOf: async () => {
        asked.times += 1;
        if (away.record) throw new ServiceFault('record', 'Away.', true);
        return evidenceOf(facts).freezes.slice();
      },
    },
    changes: {
      subscribe(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    onInternal: (error) => faults.push(error),
    pollMs,
  });
  const tell = (change: Change): void => {
    for (const listener of listeners) listener(change);
  };
  return { facts, away, asked, faults, listeners, tell, watched: watch.over(SUBJECT) };
}

describe('the watch over what runs', () => {
  test.each<[string, Change]>([
    ['told of a freeze', { kind: 'freeze' }],
    ['told that anything may have changed', { kind: 'any' }],
  ])('%s, it stops what a person froze, and says why', async (_what, change) => {
    const { facts, tell, watched } = watching();
    freezeByPerson(facts, { kind: 'all' });
    tell(change);
    await expect.poll(() => watched.frozen.aborted).toBe(true);
    expect(watched.frozen.reason).toMatchObject({ code: 'frozen' });
    expect(await watched.whyFrozen()).toBeInstanceOf(Refusal);
    watched.stop();
  });

  test('told nothing, it looks now and then', async () => {
    const { facts, watched } = watching(5);
    freezeByPerson(facts, { kind: 'operation', operation: 'database.export' });
    await expect.poll(() => watched.frozen.aborted).toBe(true);
    watched.stop();
  });

  test('leaves running what another freeze does not cover, or the executor froze', async () => {
    const { facts, tell, asked, watched } = watching();
    freeze(facts);
    freezeByPerson(facts, { kind: 'agent', agent: 'other-bot' });
    tell({ kind: 'freeze' });
    await expect.poll(() => asked.times).toBe(1);
    expect(await watched.whyFrozen()).toBeNull();
    expect(watched.frozen.aborted).toBe(false);
    watched.stop();
  });

  test('asks again after the record was away, and nothing once it is stopped', async () => {
    const { facts, away, tell, faults, listeners, watched } = watching();
    freezeByPerson(facts, { kind: 'all' });
    away.record = true;
    tell({ kind: 'any' });
    await expect.poll(() => faults).toHaveLength(1);
    expect(await watched.whyFrozen()).toBeNull();
    expect(watched.frozen.aborted).toBe(false);
    away.record = false;
    tell({ kind: 'any' });
    await expect.poll(() => watched.frozen.aborted).toBe(true);
    watched.stop();
    expect(listeners.size).toBe(0);
  });
});
