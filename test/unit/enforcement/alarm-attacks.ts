import { digestOf } from '../../../src/core/json.js';
import type { Attack } from './attacks.js';
import { clearAlarm, raiseAlarm, type Facts } from './evidence.js';

const STATED: [string, (facts: Facts) => void][] = [
  [
    'an approved action while an alarm stands',
    (facts) => {
      raiseAlarm(facts);
    },
  ],
  [
    'an alarm cleared by a statement that names another',
    (facts) => {
      raiseAlarm(facts);
      clearAlarm(facts, digestOf('another alarm'));
    },
  ],
  [
    'one of two alarms cleared',
    (facts) => {
      clearAlarm(facts, raiseAlarm(facts));
      raiseAlarm(facts);
    },
  ],
  [
    'an alarm that stops approvals behind one that does not',
    (facts) => {
      raiseAlarm(facts, { stopsApprovals: false, code: 'siem_behind', severity: 'low' });
      raiseAlarm(facts);
    },
  ],
];

/** Attacks that have something run while the record or the ledger may not be what they were. */
export const ALARM_ATTACKS: readonly Attack[] = STATED.map(([what, forge]) => ({
  check: 'no alarm stands that stops approvals',
  what,
  forge,
  answer: 'Refusal',
  code: 'alarm_stands',
}));
