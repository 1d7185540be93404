import type { Lifters } from '../record/freezes.js';
import { allOf, type Record as ActionRecord } from '../record/record.js';
import type { Channel } from './channel.js';
import { freezeStateOf, type FreezeState } from './freezing.js';
import { createTellOnce } from './tell-once.js';

export interface FreezePassOptions {
  record: Pick<ActionRecord, 'newestFreezes'>;
  channels: readonly Pick<Channel, 'freezeStands' | 'freezeLifted'>[];
  people: () => Lifters;
  clock: () => number;
}

// As long as a cleared alarm is listed.
const TOLD_FOR_MS = 7 * 86_400_000;

/**
 * One look at the freezes on record: tells every channel that reaches people of those that stand, and of those that were
 * lifted within a week.
 * @returns as `createTellOnce`
 */
export function createFreezePass({ record, channels, people, clock }: FreezePassOptions): () => Promise<void> {
  return createTellOnce(
    channels,
    async () => {
      const { statements } = await record.newestFreezes();
      const oldestMs = clock() - TOLD_FOR_MS;
      const freezes = allOf(statements, 'freeze').map((freeze) => freezeStateOf(freeze, statements, people()));
      return new Map(
        freezes
          .filter((freeze) => stands(freeze) || (freeze.lifts.at(-1)?.atMs ?? 0) > oldestMs)
          .map((freeze) => [`${freeze.digest}/${stands(freeze) ? 'stands' : 'lifted'}`, freeze]),
      );
    },
    async (channel, freeze) => (stands(freeze) ? channel.freezeStands?.(freeze) : channel.freezeLifted?.(freeze)),
    clock,
  );
}

const stands = ({ missing }: FreezeState): boolean => missing > 0;
