import { scopesOver, type FreezeSubject } from '../src/record/freezes.js';
import type { AlarmState } from '../src/record/alarms.js';
import type { AnyRecorded, Record } from '../src/record/record.js';

/** What may stop an action whatever was decided. */
interface Stops {
  freezes: readonly AnyRecorded[];
  alarms: readonly AlarmState[];
}

/** Reads them anew, side by side. @param subject undefined: there is no request that could be under a freeze. */
export async function readStops(
  record: Pick<Record, 'freezesOf' | 'alarms'>,
  subject: FreezeSubject | undefined,
): Promise<Stops> {
  const [freezes, alarms] = await Promise.all([
    subject === undefined ? [] : record.freezesOf(scopesOver(subject)),
    record.alarms(),
  ]);
  return { freezes, alarms };
}
