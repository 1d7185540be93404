import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkLedger } from '../../src/ledger/check.js';
import { openCheckpoint } from '../../src/ledger/checkpoint.js';
import { LedgerFaultError, type LedgerFault } from '../../src/ledger/faults.js';
import { digestOf } from '../../src/core/json.js';
import { leafHash, rootOf } from '../../src/ledger/merkle.js';
import { createMirror } from '../../src/ledger/mirror.js';
import { createLedger } from '../../src/ledger/postgres-ledger.js';
import { startSequencer } from '../../src/ledger/sequencer.js';
import { decodeBundle } from '../../src/ledger/tiles.js';
import { splitHashes } from '../../src/ledger/tree.js';
import { becomeAll, installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';
import { makeLedgerKey, ORIGIN, sequenceAll, sequencerOptions, whileTampered as tampered } from '../support/ledger.js';
import { decisionDraft, recordRequest, refusalDraft } from '../support/statements.js';
import { until } from '../support/until.js';

const key = makeLedgerKey();
const STATEMENTS = 300;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

let installation: TestInstallation;
let notary: TestProcess;
let gateway: TestProcess;
let folder: string;
let pool: pg.Pool;

beforeAll(async () => {
  installation = await installForTest();
  ({ notary, gateway } = await becomeAll(installation));
  ({ pool } = notary);
  folder = await mkdtemp(join(tmpdir(), 'countersign-mirror-'));
  await record(STATEMENTS);
});
afterAll(async () => {
  await installation.close();
  await rm(folder, { recursive: true, force: true });
});

/** Puts so many on record, and all that there is into the ledger. */
async function record(count: number): Promise<void> {
  const request = await recordRequest(gateway.record, installation.agent);
  const drafts = Array.from({ length: count - 2 }, (_, at) => refusalDraft(request, `No ${String(at)}.`));
  await gateway.record.append([decisionDraft(request), ...drafts]);
  await sequenceAll(pool, key);
}

const trusted = () => ({ pool, origin: ORIGIN, keys: () => [key] });
const mirrorIn = (name: string) =>
  createMirror({ ...trusted(), folder: join(folder, name), ledger: createLedger(pool) });

const whileTampered = <T>(sql: string, look: () => Promise<T>): Promise<T> => tampered(installation, sql, look);

describe('a check of the whole ledger', () => {
  it('finds nothing where nothing is wrong', async () => {
    const report = await checkLedger(trusted());
    expect(report).toMatchObject({ entries: STATEMENTS, faults: [], newest: { size: STATEMENTS } });
  });

  it.each<[string, string, string]>([
    [
      'a statement that was changed',
      `update countersign.statements set envelope = replace(envelope, '"payload":"ey', '"payload":"eX') where sequence = 5`,
      'ledger_row_changed',
    ],
    ['a statement that was removed', 'delete from countersign.statements where sequence = 7', 'ledger_row_missing'],
    [
      'a decision that was moved to another action',
      `update countersign.statements set action_id = '01JD8ZV7Y0Q5W3K9R1T4X6B8N9' where kind = 'decision'`,
      'ledger_row_changed',
    ],
    [
      'a statement that goes by another kind',
      `update countersign.statements set kind = 'refusal' where kind = 'decision'`,
      'ledger_row_changed',
    ],
    [
      'two entries that changed places',
      `delete from countersign.ledger_entries where entry_index in (10, 11);
        insert into countersign.ledger_entries select 21 - entry_index, sequence, leaf_hash, entry
        from kept_ledger_entries where entry_index in (10, 11)`,
      'ledger_forked',
    ],
    [
      'an entry that goes for an alarm and is none',
      `update countersign.ledger_entries set alarm_digest = encode(leaf_hash, 'hex') where entry_index = 12`,
      'ledger_row_changed',
    ],
    ['an entry that was removed', 'delete from countersign.ledger_entries where entry_index = 12', 'ledger_gap'],
    ['the last entries cut off', 'delete from countersign.ledger_entries where entry_index > 280', 'ledger_truncated'],
    [
      'a tile that was changed',
      `update countersign.ledger_tiles set hashes = overlay(hashes placing '\\x00' from 3)`,
      'ledger_tile_changed',
    ],
    [
      'a checkpoint of other words',
      `update countersign.ledger_checkpoints set note = replace(note, '${String(STATEMENTS)}', '299')`,
      'ledger_checkpoint_invalid',
    ],
  ])('finds %s', async (_, sql, code) => {
    const { faults } = await whileTampered(sql, () => checkLedger(trusted()));
    expect(faults.map((fault) => fault.code)).toContain(code);
    expect((await checkLedger(trusted())).faults).toEqual([]);
  });

  it('finds what was done behind many faults that people know, and tells those but once', async () => {
    const known = `update countersign.statements set envelope = envelope || ' {}' where sequence between 20 and 60;
      delete from countersign.ledger_entries where entry_index = 70`;
    const namesOf = (faults: readonly LedgerFault[]) => faults.map(({ code, what }) => `${code}/${what}`);
    const more = 'delete from countersign.statements where sequence = 200';
    const look = async () => namesOf((await checkLedger(trusted())).faults);
    const { first, again } = await whileTampered(known, async () => ({ first: await look(), again: await look() }));
    const { faults } = await whileTampered(`${known}; ${more}`, () => checkLedger(trusted()));
    expect(first).toHaveLength(21);
    expect(again).toEqual(first);
    expect(namesOf(faults).slice(0, 20)).toEqual(first.slice(0, 20));
    expect(namesOf(faults)[20]).not.toBe(first[20]);
    expect(faults[20]?.sentence).toContain('more faults of the ledger');
  });

  it('finds that the end was cut off behind a fault that people know', async () => {
    const sql = `delete from countersign.statements where sequence = 7;
      delete from countersign.ledger_entries where entry_index > 280`;
    const { faults } = await whileTampered(sql, () => checkLedger(trusted()));
    expect(faults.map(({ code }) => code)).toEqual(['ledger_row_missing', 'ledger_gap', 'ledger_truncated']);
  });

  it('finds that a freeze was hidden under another key', async () => {
    const person = { person: 'erin', group: 'security-oncall' };
    const scope = { kind: 'agent' as const, agent: 'export-bot' };
    const body = {
      because: 'person' as const,
      scope,
      reason: 'x',
      by: person,
      via: { channel: 'api', subject: 'erin' },
      frozenAtMs: 1,
    };
    const frozen = { kind: 'freeze' as const, actionId: null, requestDigest: digestOf(body), body };
    await gateway.record.append([{ ...frozen, key: 'agent/export-bot/erin/0' }]);
    await record(2);
    const sql = `update countersign.statements set key = 'agent/other/erin/0' where kind = 'freeze'`;
    const { faults } = await whileTampered(sql, () => checkLedger(trusted()));
    expect(faults).toMatchObject([{ code: 'ledger_row_changed' }]);
    expect(faults[0]?.sentence).toContain('not under the key that it is found by');
    expect((await checkLedger(trusted())).faults).toEqual([]);
  });

  it('finds a statement that was removed before it was sequenced', async () => {
    // The rest of the chain is signed over it.
    const sql = `delete from countersign.statements where number = 100 and process = 'gateway';
      delete from countersign.ledger_entries; delete from countersign.ledger_tiles; delete from countersign.ledger_checkpoints`;
    const { faults } = await whileTampered(sql, async () => {
      const sequencer = startSequencer(sequencerOptions(pool, key));
      await until(async () => (await createLedger(pool).entries(STATEMENTS - 2, 1)).length === 1);
      await sequencer.close();
      return checkLedger(trusted());
    });
    expect(faults).toMatchObject([{ code: 'ledger_gap' }]);
    expect(faults[0]?.sentence).toContain('number 101 of the gateway, behind number 99');
  });
});

describe('a mirror', () => {
  it('holds tiles from which anyone makes the root that the checkpoint names', async () => {
    const mirror = mirrorIn('whole');
    expect(await mirror.highestSeen()).toBeNull();
    await mirror.update();
    const read = (path: string) => readFile(join(folder, 'whole', path));
    const opened = openCheckpoint((await read('checkpoint')).toString('utf8'), ORIGIN, [key]);
    const { size, root } = opened.ok ? opened.checkpoint : { size: 0, root: new Uint8Array() };
    const partial = `.p/${String(size - 256)}`;
    const entries = [await read('tile/entries/000'), await read(`tile/entries/001${partial}`)];
    const leaves = entries.flatMap((bundle) => decodeBundle(bundle) ?? []).map(leafHash);
    expect(leaves).toHaveLength(size);
    expect(hex(rootOf(leaves))).toBe(hex(root));
    const tiles = [await read('tile/0/000'), await read(`tile/0/001${partial}`)].flatMap(splitHashes);
    expect(tiles.map(hex)).toEqual(leaves.map(hex));
    expect(hex(await read('tile/1/000.p/1'))).toBe(hex(rootOf(leaves.slice(0, 256))));
  });

  const faultOf = (update: Promise<unknown>): Promise<LedgerFault | null> =>
    update.then(
      () => null,
      (error: unknown) => (error instanceof LedgerFaultError ? error.fault : Promise.reject(error as Error)),
    );

  it('does not go back to a ledger that was cut off and signed again', async () => {
    const mirror = mirrorIn('cut-off');
    await mirror.update();
    const before = await mirror.highestSeen();
    const sql = `delete from countersign.ledger_entries; delete from countersign.ledger_tiles;
      delete from countersign.ledger_checkpoints; delete from countersign.statements where sequence > 290`;
    const fault = await whileTampered(sql, async () => {
      // The notary's own key signs it: who looks at the database alone sees nothing wrong.
      const sequencer = startSequencer(sequencerOptions(pool, key));
      await until(async () => (await createLedger(pool).entries(280, 1)).length === 1);
      await sequencer.close();
      expect((await checkLedger(trusted())).faults).toEqual([]);
      return faultOf(mirror.update());
    });
    expect(fault).toMatchObject({ code: 'ledger_truncated' });
    expect(await mirror.highestSeen()).toEqual(before);
  });

  it('does not follow a fork of the same length, and the sequencer does not sign it', async () => {
    const mirror = mirrorIn('fork');
    await mirror.update();
    const sql = `delete from countersign.ledger_entries; delete from countersign.ledger_tiles; delete from countersign.ledger_checkpoints;
      update countersign.statements s set envelope = o.envelope from kept_statements o
        where s.sequence in (20, 21) and o.sequence = 41 - s.sequence`;
    const faults: LedgerFault[] = [];
    const fault = await whileTampered(sql, async () => {
      const options = sequencerOptions(pool, key);
      const forker = startSequencer(options);
      await until(async () => (await createLedger(pool).entries(STATEMENTS - 1, 1)).length === 1);
      await forker.close();
      const guarded = startSequencer({
        ...options,
        highestSeen: () => mirror.highestSeen(),
        onFault: async (found) => {
          faults.push(found);
        },
      });
      await until(async () => faults.length > 0);
      await guarded.close();
      return faultOf(mirror.update());
    });
    expect(fault).toMatchObject({ code: 'ledger_forked' });
    expect(faults[0]).toMatchObject({ code: 'ledger_forked' });
  });

  it('that holds another’s checkpoint is told of, and left as it is', async () => {
    const mirror = mirrorIn('foreign');
    await mirror.update();
    const file = join(folder, 'foreign', 'checkpoint');
    const foreign = (await readFile(file, 'utf8')).replace(/\n(\d)/, '\n1$1');
    await writeFile(file, foreign);
    expect(await faultOf(mirror.update())).toMatchObject({ code: 'ledger_mirror_invalid' });
    expect(await readFile(file, 'utf8')).toBe(foreign);
  });
});
