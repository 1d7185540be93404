import { expect, test } from 'vitest';
import { createFreezePass } from '../../../src/channels/freeze-pass.js';
import type { FreezeState } from '../../../src/channels/freezing.js';
import { loadPolicy } from '../enforcement/evidence.js';
import { EXAMPLE } from '../policy/bundle-folders.js';
import { freezingOver } from './freezing-record.js';

const policy = await loadPolicy(EXAMPLE);
const WEEK_MS = 7 * 86_400_000;

test('a freeze is told once, and that it was lifted, also by a process that begins then', async () => {
  const { recorded, freeze, unfreeze } = freezingOver(policy);
  const told: string[] = [];
  const tell = (what: string) => async (state: FreezeState) =>
    void told.push(
      `${what} ${state.scope.kind} by ${state.by ?? ''}, lifted by ${state.lifts.map(({ person }) => person).join()}`,
    );
  const passAt = (nowMs: number) =>
    createFreezePass({
      record: { newestFreezes: async () => ({ statements: recorded, unreadable: [] }) },
      channels: [{ freezeStands: tell('stands'), freezeLifted: tell('lifted') }, {}],
      people: () => policy.directory,
      clock: () => nowMs,
    });
  const pass = passAt(43);
  await pass();
  await freeze('ben', { kind: 'all' });
  await pass();
  await unfreeze('erin', { kind: 'all' });
  await pass();
  expect(told).toEqual(['stands all by ben, lifted by ']);
  await unfreeze('fay', { kind: 'all' });
  await pass();
  await pass();
  expect(told.slice(1)).toEqual(['lifted all by ben, lifted by erin,fay']);
  await passAt(43)();
  expect(told.slice(2)).toEqual(['lifted all by ben, lifted by erin,fay']);
  // Long ago: nobody needs to hear of it when a receiver is added, or the log was cleaned.
  await passAt(43 + WEEK_MS)();
  expect(told).toHaveLength(3);
});
