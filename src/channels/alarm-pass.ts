import type { Record as ActionRecord } from '../record/record.js';
import type { Channel } from './channel.js';
import { createTellOnce } from './tell-once.js';

export interface AlarmPassOptions {
  record: Pick<ActionRecord, 'alarms'>;
  channels: readonly Pick<Channel, 'alarmStands' | 'alarmCleared'>[];
  clock: () => number;
}

/**
 * One look at the alarms on record, by whichever process they were raised: tells every channel that reaches people of those
 * that stand, and of those that were cleared within a week.
 * @returns as `createTellOnce`
 */
export function createAlarmPass({ record, channels, clock }: AlarmPassOptions): () => Promise<void> {
  return createTellOnce(
    channels,
    async () => {
      const alarms = await record.alarms();
      return new Map(
        alarms.map((alarm) => [`${alarm.digest}/${alarm.cleared === null ? 'stands' : 'cleared'}`, alarm]),
      );
    },
    async (channel, alarm) => (alarm.cleared === null ? channel.alarmStands?.(alarm) : channel.alarmCleared?.(alarm)),
    clock,
  );
}
