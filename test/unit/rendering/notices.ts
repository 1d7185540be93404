import type { AlarmState } from '../../../src/channels/clearing.js';
import type { FreezeState } from '../../../src/channels/freezing.js';
import { sha256Hex } from '../../../src/core/json.js';

const RAISED_AT_MS = Date.UTC(2026, 10, 22, 12);
const MINUTE_MS = 60_000;

/** An alarm that stops approvals, and the same once Ada cleared it. */
export const alarm: AlarmState = {
  digest: sha256Hex('alarm'),
  body: {
    code: 'ledger_forked',
    severity: 'critical',
    sentence: 'Row 17 of the record is not what entry 16 of the ledger says. Compare them with the mirror.',
    stopsApprovals: true,
    raisedAtMs: RAISED_AT_MS,
  },
  cleared: null,
};
export const cleared: AlarmState = {
  ...alarm,
  cleared: {
    alarm: alarm.digest,
    reason: 'A restore of Sunday, put right.',
    by: { person: 'ada', group: 'dba' },
    via: { channel: 'api', subject: 'ada' },
    clearedAtMs: RAISED_AT_MS + 5 * MINUTE_MS,
  },
};

/** What a person froze, and the same once two lifted it. */
export const freeze: FreezeState = {
  digest: sha256Hex('freeze'),
  scope: { kind: 'agent', agent: 'reporter' },
  because: 'person',
  by: 'bo',
  reason: 'It asks for tables that nobody told it to read.',
  actionId: null,
  frozenAtMs: RAISED_AT_MS,
  lifts: [],
  missing: 2,
};
export const lifted: FreezeState = {
  ...freeze,
  lifts: [
    { person: 'ada', reason: 'Its prompt was mended.', atMs: RAISED_AT_MS + MINUTE_MS },
    { person: 'di', reason: 'Read it, too.', atMs: RAISED_AT_MS + 9 * MINUTE_MS },
  ],
  missing: 0,
};
/** What the executor froze. */
export const frozenForEffect: FreezeState = {
  ...freeze,
  because: 'effect_mismatch',
  by: null,
  reason: null,
  actionId: '01K9ZZZZZZ0000000000000001',
  missing: 1,
};
/** When all of these are news. */
export const NOTICED_AT_MS = RAISED_AT_MS + 10 * MINUTE_MS;
