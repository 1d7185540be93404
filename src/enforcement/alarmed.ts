import { Refusal } from '../core/errors.js';
import type { Directory } from '../directory/directory.js';
import { standingAlarms, type AlarmState } from '../record/alarms.js';

/**
 * Lets nothing through while an alarm stands that stops approvals: what people decide on may not be what is on record.
 * @param alarms as `Record.alarms` reads them, just now.
 * @throws Refusal `alarm_stands` saying since when, why, and who can clear it.
 */
export function requireNoAlarm(
  alarms: readonly AlarmState[],
  { unfreezeGroup }: Pick<Directory, 'unfreezeGroup'>,
): void {
  const alarm = standingAlarms(alarms).find(({ body }) => body.stopsApprovals);
  if (alarm === undefined) return;
  const { code, sentence, raisedAtMs } = alarm.body;
  const since = new Date(raisedAtMs).toISOString();
  const group = unfreezeGroup();
  const who =
    group === null
      ? 'The policy bundle lets nobody clear alarms: it must name a group (directory.yaml, unfreeze).'
      : `Denials still count. Who is in group ${group} can clear it after a look: countersign clear ${alarm.digest}.`;
  throw new Refusal(
    'alarm_stands',
    `Nothing is approved or run while the alarm ${code} of ${since} stands. ${who} ${sentence}`.slice(0, 1_000),
  );
}
