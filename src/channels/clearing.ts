import { Refusal } from '../core/errors.js';
import { digestOf } from '../core/json.js';
import type { StatementBody } from '../core/schemas/statements.js';
import type { Person } from '../directory/directory.js';
import type { Policy } from '../policy/policy.js';
import type { AlarmState } from '../record/alarms.js';
import { appendUnder } from '../record/append-under.js';
import type { AnyRecorded, Record as ActionRecord } from '../record/record.js';
import { cleanReason } from './person-reason.js';
import { recordingRefusals, type Refusals } from './refusals.js';
import { requireUnfreezeGroup } from './unfreeze-group.js';

export interface ClearingOptions {
  policy: () => Policy;
  record: Pick<ActionRecord, 'alarms' | 'append'>;
  refusals: Refusals;
  clock: () => number;
}

export interface ClearRequest {
  /** Digest of the alarm. */
  alarm: string;
  reason: string;
  /** Whom the channel authenticated. */
  person: Person;
  via: StatementBody<'clearance'>['via'];
}

export type { AlarmState } from '../record/alarms.js';

export interface Clearing {
  /** Alarms that stand, and those that were cleared within a week, newest first. */
  list(): Promise<AlarmState[]>;
  /**
   * Says that people looked into an alarm and work may go on; signed with the gateway's key `decision`. One that is
   * cleared stays as it is.
   * @throws Refusal on record: `not_an_approver` for who is not in the bundle's group for it, `forbidden` where the bundle
   *   names none, `reason_missing`, `alarm_unknown`.
   */
  clear(request: ClearRequest): Promise<AlarmState>;
}

export function createClearing(options: ClearingOptions): Clearing {
  const list = async (): Promise<AlarmState[]> => [...(await options.record.alarms())].reverse();
  return {
    list,
    async clear(request) {
      const person = options.policy().directory.canonical(request.person.id);
      const asked = { person, sent: [request.alarm, request.reason] };
      await recordingRefusals(options.refusals, asked, () => clear(request, person, options));
      const cleared = (await list()).find(({ digest }) => digest === request.alarm);
      if (cleared === undefined) throw new Error('createClearing: an alarm that was cleared is not listed');
      return cleared;
    },
  };
}

async function clear(request: ClearRequest, person: string, { policy, record, clock }: ClearingOptions): Promise<void> {
  const by = requireUnfreezeGroup(policy().directory, person, 'clear alarms');
  const reason = cleanReason(request.reason, 'Say what you found and why work may go on: it goes on record.');
  const alarm = (await record.alarms()).find(({ digest }) => digest === request.alarm);
  if (alarm === undefined)
    throw new Refusal('alarm_unknown', 'There is no such alarm, or it was cleared more than a week ago.', 'digest');
  if (alarm.cleared !== null) return;
  const body = { alarm: alarm.digest, reason, by, via: request.via, clearedAtMs: clock() };
  // Two people, or one twice: an alarm is cleared once.
  const keys = [alarm.digest, `${alarm.digest}/${String(body.clearedAtMs)}`];
  const isOfThis = (stated: AnyRecorded): boolean => stated.kind === 'clearance' && stated.body.alarm === alarm.digest;
  await appendUnder(record, { kind: 'clearance', actionId: null, requestDigest: digestOf(body), body }, keys, isOfThis);
}
