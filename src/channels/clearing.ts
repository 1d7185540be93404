import { Refusal } from '../core/errors.js';
import { digestOf, sha256Hex } from '../core/json.js';
import type { StatementBody } from '../core/schemas/statements.js';
import type { Person } from '../directory/directory.js';
import type { Policy } from '../policy/policy.js';
import { standingAlarms } from '../record/alarms.js';
import { allOf, type AnyRecorded, type Record as ActionRecord } from '../record/record.js';
import { cleanReason } from './person-reason.js';
import type { Refusals } from './refusals.js';

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

/** One alarm as it is listed. */
export interface AlarmState {
  digest: string;
  body: StatementBody<'alarm'>;
  /** Null while it stands. */
  cleared: StatementBody<'clearance'> | null;
}

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
  const list = async (): Promise<AlarmState[]> => alarmStatesOf(await options.record.alarms()).reverse();
  return {
    list,
    async clear(request) {
      try {
        await clear(request, options);
      } catch (error) {
        if (error instanceof Refusal) {
          const who = `person/${options.policy().directory.canonical(request.person.id)}`;
          const sentDigest = sha256Hex(JSON.stringify([request.alarm, request.reason]));
          await options.refusals.put(error, { action: null, who, sentDigest, source: who });
        }
        throw error;
      }
      const cleared = (await list()).find(({ digest }) => digest === request.alarm);
      if (cleared === undefined) throw new Error('createClearing: an alarm that was cleared is not listed');
      return cleared;
    },
  };
}

/** Alarms and who cleared them, oldest first. @param statements as `Record.alarms` reads them. */
export function alarmStatesOf(statements: readonly AnyRecorded[]): AlarmState[] {
  const clearances = new Map(allOf(statements, 'clearance').map(({ body }) => [body.alarm, body]));
  return allOf(statements, 'alarm').map(({ digest, body }) => ({
    digest,
    body,
    cleared: clearances.get(digest) ?? null,
  }));
}

async function clear(request: ClearRequest, { policy, record, clock }: ClearingOptions): Promise<void> {
  const by = requireClearer(policy(), request.person);
  const reason = cleanReason(request.reason, 'Say what you found and why work may go on: it goes on record.');
  const statements = await record.alarms();
  if (!allOf(statements, 'alarm').some(({ digest }) => digest === request.alarm))
    throw new Refusal('alarm_unknown', 'There is no such alarm, or it was cleared more than a week ago.', 'digest');
  if (!standingAlarms(statements).some(({ digest }) => digest === request.alarm)) return;
  const body = { alarm: request.alarm, reason, by, via: request.via, clearedAtMs: clock() };
  // Two people, or one twice: an alarm is cleared once.
  await record.append([{ kind: 'clearance', actionId: null, requestDigest: digestOf(body), body, key: request.alarm }]);
}

function requireClearer({ directory }: Policy, { id }: Person): StatementBody<'clearance'>['by'] {
  const person = directory.canonical(id);
  const group = directory.unfreezeGroup();
  if (group === null) {
    throw new Refusal(
      'forbidden',
      'The policy bundle lets nobody clear alarms: it must name a group (directory.yaml, unfreeze).',
    );
  }
  if (directory.groupsOf(person).includes(group)) return { person, group };
  throw new Refusal('not_an_approver', `You are not in group ${group}, whose people clear alarms.`);
}
