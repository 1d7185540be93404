import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOf, sha256Hex } from '../../src/core/json.js';
import { raiseLedgerAlarm } from '../../src/ledger/alarm.js';
import type { LedgerFault } from '../../src/ledger/faults.js';
import { standingAlarms } from '../../src/record/alarms.js';
import type { AnyDraft, AnyRecorded } from '../../src/record/record.js';
import { becomeAll, installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';

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

async function clear(alarm: AnyRecorded): Promise<void> {
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
    const [old, ...more] = (await notary.record.alarms()).filter(({ key }) => key === 'ledger_row_changed/1');
    if (old === undefined) throw new Error('the alarm was not put on record');
    expect(more).toEqual([]);
    await clear(old);
    const before = await standing();
    await change(`update countersign.statements set key = 'ledger_row_changed/2' where digest = '${old.digest}'`);
    await raiseLedgerAlarm(notary.record, fault('2'), 1_795_000_000_002);
    await raiseLedgerAlarm(notary.record, fault('2'), 1_795_000_000_003);
    expect((await standing()).length).toBe(before.length + 1);
  });

  it('is not cleared by a row that nobody signed, however old it says it is', async () => {
    const fork = await raise('another fork');
    await change(`insert into countersign.statements (kind, digest, process, number, previous, key, envelope, recorded_at_ms)
      values ('clearance', '${sha256Hex('x')}', 'gateway', 999, '${sha256Hex('y')}', '${fork.digest}', '{}', 1)`);
    // Who asks whether one stands is refused: that stops approvals as well.
    await expect(standing()).rejects.toMatchObject({ code: 'statement_invalid' });
    await change(`delete from countersign.statements where digest = '${sha256Hex('x')}'`);
    expect(await standing()).toContain(fork.digest);
  });
});
