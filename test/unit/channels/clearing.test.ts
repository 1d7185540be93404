import { describe, expect, test } from 'vitest';
import { createAlarmPass } from '../../../src/channels/alarm-pass.js';
import { createClearing, type AlarmState } from '../../../src/channels/clearing.js';
import type { Refusal } from '../../../src/core/errors.js';
import type { Policy } from '../../../src/policy/policy.js';
import type { AnyDraft, AnyRecorded } from '../../../src/record/record.js';
import { clearAlarm, evidenceOf, honestFacts, loadPolicy, raiseAlarm, type Facts } from '../enforcement/evidence.js';
import { editedBundle, EXAMPLE, NOBODY_UNFREEZES } from '../policy/bundle-folders.js';

const example = await loadPolicy(EXAMPLE);
const nobody = await loadPolicy(await editedBundle(NOBODY_UNFREEZES));

/** Two alarms on record, and what is appended and refused. */
function alarmed(policy: Policy) {
  const facts: Facts = honestFacts(policy);
  const alarms = [raiseAlarm(facts), raiseAlarm(facts, { code: 'ledger_gap' })] as const;
  const appended: AnyDraft[] = [];
  const refused: string[] = [];
  const clearing = createClearing({
    policy: () => policy,
    record: {
      alarms: async () => evidenceOf(facts).alarms as AlarmState[],
      append: async (drafts) => {
        appended.push(...drafts);
        for (const draft of drafts)
          if (draft.kind === 'clearance') facts.alarms.push({ kind: draft.kind, body: draft.body });
        return drafts as unknown as AnyRecorded[];
      },
    },
    refusals: {
      put: async (refusal: Refusal, { who }: { who: string | null }) => {
        refused.push(`${refusal.code} ${who ?? ''}`);
      },
    },
    clock: () => 42,
  });
  const clear = (id: string, alarm: string = alarms[0], reason = 'Looked at.\u0007 ') =>
    clearing.clear({ alarm, reason, person: { id } as never, via: { channel: 'api', subject: id } });
  return { facts, alarms, appended, refused, clear, list: clearing.list };
}

describe('clearing an alarm', () => {
  test('clears that one, by a statement that names it', async () => {
    const { alarms, appended, clear, list } = alarmed(example);
    await clear('erin');
    expect(appended).toMatchObject([
      {
        kind: 'clearance',
        actionId: null,
        key: alarms[0],
        body: {
          alarm: alarms[0],
          reason: 'Looked at.',
          by: { person: 'erin', group: 'incident-lead' },
          clearedAtMs: 42,
        },
      },
    ]);
    expect((await list()).map(({ digest, cleared }) => [digest, cleared?.by.person ?? null])).toEqual([
      [alarms[1], null],
      [alarms[0], 'erin'],
    ]);
  });

  test('that is cleared changes nothing', async () => {
    const { appended, clear } = alarmed(example);
    await clear('erin');
    expect((await clear('fay')).cleared?.by.person).toBe('erin');
    expect(appended).toHaveLength(1);
  });

  test.each<[string, Policy, string, string | undefined, string | undefined, string]>([
    ['somebody who is not in the group', example, 'ben', undefined, undefined, 'not_an_approver person/ben'],
    ['anybody, where the bundle names no group', nobody, 'erin', undefined, undefined, 'forbidden person/erin'],
    ['a member without a reason', example, 'erin', undefined, '\u0000 ', 'reason_missing person/erin'],
    ['a member who names another', example, 'erin', 'f'.repeat(64), undefined, 'alarm_unknown person/erin'],
  ])('is refused to %s, on record', async (_, policy, id, alarm, reason, refusal) => {
    const { appended, refused, clear } = alarmed(policy);
    await expect(clear(id, alarm, reason)).rejects.toThrow();
    expect([appended, refused]).toEqual([[], [refusal]]);
  });
});

describe('people who are woken by alarms', () => {
  test('are told of each once, and when it was cleared; where a channel was away, again', async () => {
    const { facts, alarms } = alarmed(example);
    const told: string[] = [];
    let isAway = true;
    const channel = {
      alarmStands: async ({ digest }: AlarmState) => {
        if (isAway) throw new Error('away');
        told.push(`stands ${digest}`);
      },
      alarmCleared: async ({ digest, cleared }: AlarmState) =>
        void told.push(`cleared ${digest} by ${cleared?.by.person ?? 'nobody'}`),
    };
    const record = { alarms: async () => evidenceOf(facts).alarms as AlarmState[] };
    const pass = createAlarmPass({ record, channels: [channel, {}], clock: () => 0 });
    await expect(pass()).rejects.toThrow('away');
    isAway = false;
    await pass();
    await pass();
    expect(told).toEqual(alarms.map((digest) => `stands ${digest}`));
    clearAlarm(facts, alarms[0]);
    await pass();
    await pass();
    expect(told.slice(2)).toEqual([`cleared ${alarms[0]} by erin`]);
    // The process that told of it may have ended before it was cleared.
    await createAlarmPass({ record, channels: [channel], clock: () => 0 })();
    expect(told.slice(3)).toEqual([`cleared ${alarms[0]} by erin`, `stands ${alarms[1]}`]);
  });
});
