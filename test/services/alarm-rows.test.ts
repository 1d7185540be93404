import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClearing } from '../../src/channels/clearing.js';
import { Refusal } from '../../src/core/errors.js';
import { digestOf, sha256Hex } from '../../src/core/json.js';
import type { Person } from '../../src/directory/directory.js';
import { requireNoAlarm } from '../../src/enforcement/alarmed.js';
import { raiseLedgerAlarm } from '../../src/ledger/alarm.js';
import type { LedgerFault } from '../../src/ledger/faults.js';
import { ledgerAlarmsSql } from '../../src/ledger/postgres/ledger-tables.js';
import { standingAlarms } from '../../src/record/alarms.js';
import type { AnyDraft, AnyRecorded } from '../../src/record/record.js';
import { recordRoles } from '../../src/record/postgres/migrations.js';
import { countingReader } from '../support/counting-reader.js';
import { becomeAll, installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';
import { makeLedgerKey, sequenceAll, whileTampered } from '../support/ledger.js';

const key = makeLedgerKey();

let installation: TestInstallation;
let gateway: TestProcess;
let notary: TestProcess;

beforeAll(async () => {
  installation = await installForTest();
  ({ gateway, notary } = await becomeAll(installation));
});
afterAll(() => installation.close());

async function raise(what: string): Promise<AnyRecorded> {
  const body = {
    code: 'ledger_forked',
    severity: 'critical' as const,
    sentence: what,
    stopsApprovals: true,
    raisedAtMs: 1_795_000_000_000,
  };
  const draft: AnyDraft = { kind: 'alarm', actionId: null, requestDigest: digestOf(body), body, key: what };
  const [alarm] = await notary.record.append([draft]);
  if (alarm === undefined) throw new Error('the alarm was not put on record');
  return alarm;
}

async function clear(alarm: { digest: string }): Promise<void> {
  const body = {
    alarm: alarm.digest,
    reason: 'A drill.',
    by: { person: 'erin', group: 'security-oncall' },
    via: { channel: 'api', subject: 'erin' },
    clearedAtMs: 1_795_000_000_000,
  };
  await gateway.record.append([
    { kind: 'clearance', actionId: null, requestDigest: digestOf(body), body, key: alarm.digest },
  ]);
}

/** As who administers the database. */
const change = (sql: string) =>
  installation.inRecord((admin) => admin.query(`set session_replication_role = replica; ${sql}`));

/** By a person, through the gateway. */
const clearByPerson = (alarm: string) =>
  createClearing({
    policy: () =>
      ({
        directory: {
          canonical: (id: string) => id,
          unfreezeGroup: () => 'security-oncall',
          groupsOf: () => ['security-oncall'],
        },
      }) as never,
    record: gateway.record,
    refusals: { put: () => Promise.reject(new Error('refused')) },
    clock: () => 1_795_000_000_000,
  }).clear({ alarm, reason: 'A drill.', person: { id: 'erin' } as Person, via: { channel: 'api', subject: 'erin' } });

const standing = async () => standingAlarms(await gateway.record.alarms()).map(({ digest }) => digest);

describe('an alarm', () => {
  it('is not cleared by an old clearance of another one whose row was made to look like its own', async () => {
    const drill = await raise('drill');
    await clear(drill);
    const fork = await raise('fork');
    expect(await standing()).toEqual([fork.digest]);
    await change(
      `update countersign.statements set recorded_at_ms = 1, key = '${fork.digest}' where kind = 'clearance'`,
    );
    expect(await standing()).toEqual([fork.digest]);
  });

  it('is raised though one that was cleared was moved to its key', async () => {
    const fault = (what: string): LedgerFault => ({ code: 'ledger_row_changed', sentence: `Entry ${what}.`, what });
    await raiseLedgerAlarm(notary.record, fault('1'), 1_795_000_000_000);
    await raiseLedgerAlarm(notary.record, fault('1'), 1_795_000_000_001);
    const [old, ...more] = (await notary.record.alarms()).filter(({ body }) => body.sentence.startsWith('Entry 1.'));
    if (old === undefined) throw new Error('the alarm was not put on record');
    expect(more).toEqual([]);
    await clear(old);
    const before = await standing();
    await change(`update countersign.statements set key = 'ledger_row_changed/2' where digest = '${old.digest}'`);
    await raiseLedgerAlarm(notary.record, fault('2'), 1_795_000_000_002);
    await raiseLedgerAlarm(notary.record, fault('2'), 1_795_000_000_003);
    expect((await standing()).length).toBe(before.length + 1);
  });

  it('is not cleared by a row that nobody signed, however old it says it is; that row is an alarm itself', async () => {
    const fork = await raise('another fork');
    const before = await standing();
    const madeUp = `digest = '${sha256Hex('x')}'`;
    await change(`insert into countersign.statements (kind, digest, process, number, previous, key, envelope, recorded_at_ms)
      values ('clearance', '${sha256Hex('x')}', 'gateway', 999, '${sha256Hex('y')}', '${fork.digest}', '{}', -1)`);
    const [row, ...more] = (await standing()).filter((digest) => !before.includes(digest));
    expect([await standing(), more]).toEqual([[...before, row], []]);
    // The way out for people, when a row can't be put back. It clears this content of the row and no other.
    await clearByPerson(row ?? '');
    expect(await standing()).toEqual(before);
    await change(`update countersign.statements set number = 998 where ${madeUp}`);
    expect((await standing()).length).toBe(before.length + 1);
    // It has the key that the clearance of the fork would have: people clear that all the same.
    await clearByPerson(fork.digest);
    expect(await standing()).not.toContain(fork.digest);
    await change(`delete from countersign.statements where ${madeUp}`);
    expect(await standing()).toEqual(before.filter((digest) => digest !== fork.digest));
  });

  it('is raised though the row under its key does not verify', async () => {
    const fault: LedgerFault = { code: 'ledger_gap', sentence: 'Entry 9.', what: '9' };
    await raiseLedgerAlarm(notary.record, fault, 1_795_000_000_000);
    await change(`update countersign.statements set previous = digest where key = 'ledger_gap/9'`);
    await raiseLedgerAlarm(notary.record, fault, 1_795_000_000_001);
    await raiseLedgerAlarm(notary.record, fault, 1_795_000_000_002);
    const codes = (await gateway.record.alarms()).map(({ body }) => body.code);
    expect(codes.filter((code) => code === 'ledger_gap')).toHaveLength(1);
  });

  // As who administers the database can; `old` is one that was cleared.
  const removed = 'delete from countersign.statements where digest = $1';
  it.each<[what: string, sql: string, code: string]>([
    ['was removed', removed, 'alarm_removed'],
    ['goes by another kind', `update countersign.statements set kind = 'refusal' where digest = $1`, 'alarm_removed'],
    [
      'was changed',
      `update countersign.statements set envelope = replace(envelope, '":"ey', '":"eX') where digest = $1`,
      'alarm_changed',
    ],
    [
      'was exchanged for one that was cleared',
      `alter table countersign.statements drop constraint if exists statements_digest_key, drop constraint if exists statements_process_number_key;
        update countersign.statements s set envelope = old.envelope, digest = old.digest, number = old.number, previous = old.previous
        from countersign.statements old where s.digest = $1 and old.digest = $2`,
      'alarm_changed',
    ],
  ])('is missed by a process that never saw it, when its row %s, in one query', async (what, sql, code) => {
    const drill = await raise(`drill: ${what}`);
    await clear(drill);
    const fork = await raise(what);
    await sequenceAll(notary.pool, key);
    const reader = countingReader(installation, notary);
    const lookAgain = async () => (await reader.record.alarms()).find(({ digest }) => digest === fork.digest);
    const tampering = sql.replaceAll('$1', `'${fork.digest}'`).replaceAll('$2', `'${drill.digest}'`);
    const lost = await whileTampered(installation, tampering, lookAgain);
    expect([lost?.body.code, lost?.cleared, reader.queries()]).toEqual([code, null, 1]);
    expect(() => {
      requireNoAlarm(lost === undefined ? [] : [lost], { unfreezeGroup: () => null });
    }).toThrow(Refusal);
    // Put back, it is what it was. Cleared, it is cleared whatever is done to its row.
    expect(await lookAgain()).toMatchObject({ body: { sentence: what }, cleared: null });
    await clear(fork);
    expect(await whileTampered(installation, tampering, standing)).not.toContain(fork.digest);
  });

  it('that was in the ledger before the ledger knew its alarms is known after the migration', async () => {
    await sequenceAll(notary.pool, key);
    const known = () =>
      installation.inRecord(async (admin) => {
        const { rows } = await admin.query<{ alarm_digest: string | null }>(
          'select entry_index, alarm_digest from countersign.ledger_entries order by entry_index',
        );
        return rows;
      });
    const before = await known();
    await change('alter table countersign.ledger_entries drop column alarm_digest');
    await installation.inRecord((admin) =>
      admin.query(
        ledgerAlarmsSql({ ...recordRoles('x_'), notary: new URL(installation.recordUrls.notary.reveal()).username }),
      ),
    );
    expect(await known()).toEqual(before);
    expect(before.some(({ alarm_digest: digest }) => digest !== null)).toBe(true);
  });

  it('that was removed from record and ledger is stated anew by who remembers it, for all', async () => {
    const fork = await raise('to be forgotten');
    await sequenceAll(notary.pool, key);
    expect(await standing()).toContain(fork.digest);
    await change(`delete from countersign.statements where digest = '${fork.digest}';
      delete from countersign.ledger_entries where alarm_digest = '${fork.digest}'`);
    const anew = async ({ record }: Pick<TestProcess, 'record'>) =>
      (await record.alarms()).filter(({ body }) => body.sentence.includes(fork.digest));
    expect(await anew(notary)).toEqual([]);
    const stated = await anew(gateway);
    expect(stated).toMatchObject([{ body: { code: 'alarm_removed', stopsApprovals: true }, cleared: null }]);
    expect(await anew(notary)).toEqual(stated);
    await clear(stated[0] as { digest: string });
    expect([await anew(notary), await standing()]).toMatchObject([
      [{ cleared: { reason: 'A drill.' } }],
      expect.not.arrayContaining([stated[0]?.digest]),
    ]);
  });
});
