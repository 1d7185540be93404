import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entryOfText } from '../../src/ledger/entry.js';
import type { LedgerFault } from '../../src/ledger/faults.js';
import { leafHash } from '../../src/ledger/merkle.js';
import { createLedger } from '../../src/ledger/postgres-ledger.js';
import { parseProof, verifyProof } from '../../src/ledger/proof.js';
import { openSequencingSession } from '../../src/ledger/postgres/sequencing.js';
import { startSequencer } from '../../src/ledger/sequencer.js';
import { createStandstillLook } from '../../src/ledger/standstill.js';
import { createRecordPool } from '../../src/record/postgres/pool.js';
import { installForTest, type TestInstallation } from '../support/installation.js';
import { auditRows, insertStatements, makeLedgerKey, ORIGIN, sequencerOptions } from '../support/ledger.js';
import { until } from '../support/until.js';

const key = makeLedgerKey();

let installation: TestInstallation;
let pool: pg.Pool;

beforeAll(async () => {
  installation = await installForTest();
  pool = createRecordPool({ url: installation.recordUrls.notary });
});
afterAll(async () => {
  await pool.end();
  await installation.close();
});

const audit = () => installation.inRecord((admin) => auditRows(admin, key));
const statementCount = async (): Promise<number> => {
  const { rows } = await pool.query<{ count: string }>('select count(*) from countersign.statements');
  return Number(rows[0]?.count);
};
const signedSize = async (): Promise<number> => {
  const { rows } = await pool.query<{ size: string | null }>(
    'select max(size) as size from countersign.ledger_checkpoints',
  );
  return Number(rows[0]?.size ?? 0);
};
const untilAllSigned = () => until(async () => (await signedSize()) === (await statementCount()));

/** Every statement once, none that is not there, in the order of the record. */
function expectWhole({ sequences, faults }: Awaited<ReturnType<typeof audit>>, statements: number): void {
  expect(faults).toEqual([]);
  expect(sequences).toHaveLength(statements);
  expect(new Set(sequences).size).toBe(statements);
}

describe('the sequencer', () => {
  it('puts every statement into the ledger once, and proves each', async () => {
    await installation.inRecord((admin) => insertStatements(admin, 700));
    const sequencer = startSequencer({ ...sequencerOptions(pool, key), batchSize: 300 });
    await untilAllSigned();
    await installation.inRecord((admin) => insertStatements(admin, 5));
    await untilAllSigned();
    await sequencer.close();
    const found = await audit();
    expectWhole(found, 705);
    expect(found.sequences).toEqual([...found.sequences].sort((one, other) => one - other));

    const ledger = createLedger(pool);
    for (const index of [0, 255, 256, 511, 704]) {
      const [entry] = await ledger.entries(index, 1);
      expect(entry?.index).toBe(index);
      const proof = (await ledger.prove(entry?.digest ?? ''))?.proof ?? '';
      const leaf = leafHash(entryOfText(JSON.stringify(entry?.envelope)));
      expect(Buffer.from(leaf).toString('hex')).toBe(entry?.leafHash);
      expect(verifyProof(proof, leaf, { origin: ORIGIN, keys: [key] })).toMatchObject({ ok: true, index });
      expect(parseProof(proof)?.checkpoint).toBe(await ledger.checkpoint());
    }
    expect(await ledger.prove('0'.repeat(64))).toBeNull();
  });

  it('puts a statement in that was committed after others with later places', async () => {
    const late = createRecordPool({ url: installation.recordUrls.gateway });
    const client = await late.connect();
    await client.query('begin');
    const [held] = await insertStatements(client, 1);
    const sequencer = startSequencer(sequencerOptions(pool, key));
    const later = await installation.inRecord((admin) => insertStatements(admin, 3));
    expect(Math.min(...later)).toBeGreaterThan(held ?? Infinity);
    await untilAllSigned();
    await client.query('commit');
    client.release();
    await late.end();
    await untilAllSigned();
    await sequencer.close();
    const found = await audit();
    expectWhole(found, await statementCount());
    expect(found.sequences.at(-1)).toBe(held);
  });

  it('finds one that was late when it starts again', async () => {
    const late = createRecordPool({ url: installation.recordUrls.gateway });
    const client = await late.connect();
    await client.query('begin');
    const [held] = await insertStatements(client, 1);
    const first = startSequencer(sequencerOptions(pool, key));
    await installation.inRecord((admin) => insertStatements(admin, 3));
    await untilAllSigned();
    await first.close();
    const second = startSequencer(sequencerOptions(pool, key));
    await until(async () => second.isLeading());
    await client.query('commit');
    client.release();
    await late.end();
    await untilAllSigned();
    await second.close();
    expect((await audit()).sequences.at(-1)).toBe(held);
  });

  it('holds what a process wrote that is no envelope, and goes on', async () => {
    await installation.inRecord((admin) =>
      admin.query(`insert into countersign.statements (kind, action_id, digest, envelope)
        values ('withdrawal', '01JD8ZV7Y0Q5W3K9R1T4X6B8N9', repeat('a', 64), 'nonsense')`),
    );
    const sequencer = startSequencer(sequencerOptions(pool, key));
    await untilAllSigned();
    await sequencer.close();
    expectWhole(await audit(), await statementCount());
  });
});

interface Child {
  process: ChildProcess;
  said: string[];
  leads: Promise<void>;
}

const children = new Set<ChildProcess>();
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
});

function startChild(): Child {
  const { publicKey, privateKey } = key;
  const input = { url: installation.recordUrls.notary.reveal(), origin: ORIGIN, publicKey, privateKey };
  const child = spawn(process.execPath, [join(import.meta.dirname, 'ledger-child.mjs'), JSON.stringify(input)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {},
  });
  children.add(child);
  const said: string[] = [];
  child.stderr.on('data', (text: Buffer) => said.push(text.toString()));
  return { process: child, said, leads: once(child.stdout, 'data').then(() => undefined) };
}

async function kill({ process: child }: Child): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  children.delete(child);
}

describe('two processes that sequence', () => {
  it('take turns: the second goes on when the first is killed, and not before', async () => {
    const first = startChild();
    await first.leads;
    const second = startChild();
    let isSecond = false;
    void second.leads.then(() => (isSecond = true));
    await installation.inRecord((admin) => insertStatements(admin, 50));
    await untilAllSigned();
    expect(isSecond).toBe(false);
    await kill(first);
    await second.leads;
    await installation.inRecord((admin) => insertStatements(admin, 50));
    await untilAllSigned();
    await kill(second);
    expectWhole(await audit(), await statementCount());
  });

  it(
    'killed a hundred times under load lose nothing, double nothing, and keep the order',
    { timeout: 300_000 },
    async () => {
      const stop = new AbortController();
      const load = [0, 1, 2].map((which) => addLoad(which, stop.signal));
      const said: string[] = [];
      // The next ones start while one leads, so that each is killed at its work and not on its way to it.
      const waiting = [startChild(), startChild()];
      for (let count = 0; count < 100; count += 1) {
        waiting.push(startChild());
        const leader = await Promise.race(waiting.map((child) => child.leads.then(() => child)));
        await pause((count * 37) % 60);
        await kill(leader);
        said.push(...leader.said);
        waiting.splice(waiting.indexOf(leader), 1);
      }
      stop.abort();
      await Promise.all(load);
      await untilAllSigned();
      for (const child of waiting) await kill(child);
      expect(said.filter((line) => line.includes('ledger_'))).toEqual([]);
      const found = await audit();
      expectWhole(found, await statementCount());
      expect(found.checkpoints).toBeGreaterThan(100);
      // What one connection wrote one after the other stands in that order.
      const place = new Map(found.sequences.map((sequence, index) => [sequence, index]));
      for (const written of (await Promise.all(load)).map((sequences) => sequences.map((one) => place.get(one))))
        expect(written).toEqual([...written].sort((one, other) => (one ?? 0) - (other ?? 0)));
    },
  );

  /** One writer: transactions that take a while, some of which fail. @returns what it committed, in its order. */
  async function addLoad(which: number, stop: AbortSignal): Promise<number[]> {
    const committed: number[] = [];
    await installation.inRecord(async (admin) => {
      for (let count = 0; !stop.aborted; count += 1) {
        await admin.query('begin');
        const sequences = await insertStatements(admin, 1 + ((count + which) % 7));
        await pause((count * 13 + which * 5) % 9);
        const fails = count % 11 === which;
        await admin.query(fails ? 'rollback' : 'commit');
        if (!fails) committed.push(...sequences);
      }
    });
    return committed;
  }
});

describe('whoever may write rows, or only connect,', () => {
  it('takes large statements in batches that fit into memory, and loses none', async () => {
    const large = 40;
    await installation.inRecord((admin) =>
      admin.query(`insert into countersign.statements (kind, action_id, digest, envelope)
        select 'withdrawal', '01JD8ZV7Y0Q5W3K9R1T4X6B8N9', encode(sha256(n::text::bytea), 'hex'), repeat('x', 990000) || n
        from generate_series(1, ${String(large)}) n`),
    );
    const session = await openSequencingSession(pool);
    const sizes: number[] = [];
    try {
      for (let high = (await session?.high()) ?? 0; ;) {
        const found = (await session?.unsequenced(high, [], 2_000)) ?? [];
        if (found.length === 0) break;
        sizes.push(found.length);
        high = found.at(-1)?.sequence ?? 0;
      }
    } finally {
      session?.close();
    }
    expect(Math.max(...sizes)).toBeLessThan(35);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThanOrEqual(large);
    const sequencer = startSequencer(sequencerOptions(pool, key));
    await untilAllSigned();
    await sequencer.close();
    expectWhole(await audit(), await statementCount());
  });

  it('whose lock is held by somebody else is missed after ten minutes', async () => {
    const squatter = createRecordPool({ url: installation.recordUrls.executor });
    const client = await squatter.connect();
    await client.query(`select pg_advisory_lock(hashtextextended('countersign.ledger', 0))`);
    const sequencer = startSequencer(sequencerOptions(pool, key));
    try {
      const look = createStandstillLook(pool);
      expect(await look(0)).toBeNull();
      // Nothing waits: an idle ledger is none that stands still.
      expect(await look(3_600_000)).toBeNull();
      await installation.inRecord((admin) => insertStatements(admin, 3));
      expect(await look(4_199_000)).toBeNull();
      expect(await look(4_200_000)).toMatchObject({ code: 'ledger_stands_still' });
      expect(sequencer.isLeading()).toBe(false);
      client.release(true);
      await untilAllSigned();
      expect(await look(5_000_000)).toBeNull();
    } finally {
      await sequencer.close();
      await squatter.end();
    }
  });
});

describe('a ledger that is not what was signed', () => {
  const tampered = async (sql: string): Promise<LedgerFault> => {
    const found: LedgerFault[] = [];
    await installation.inRecord(async (admin) => {
      await admin.query(`set session_replication_role = replica; ${sql}`);
    });
    const options = sequencerOptions(pool, key);
    const sequencer = startSequencer({
      ...options,
      onFault: async (fault) => {
        found.push(fault);
      },
    });
    const before = await signedSize();
    await installation.inRecord((admin) => insertStatements(admin, 1));
    await until(async () => found.length > 0);
    await sequencer.close();
    expect(await signedSize()).toBe(before);
    return found[0] as LedgerFault;
  };
  it('is not signed any further', async () => {
    const size = await signedSize();
    expect(size).toBeGreaterThan(600);
    const last = String(size - 1);
    const keep = `create table if not exists kept as select * from countersign.ledger_entries where entry_index = ${last};`;
    const changed = `update countersign.ledger_entries set leaf_hash = sha256('x') where entry_index = ${last}`;
    expect((await tampered(`${keep} ${changed}`)).code).toBe('ledger_forked');
    await installation.inRecord((admin) =>
      admin.query(`set session_replication_role = replica;
        update countersign.ledger_entries e set leaf_hash = kept.leaf_hash from kept where e.entry_index = kept.entry_index`),
    );
    expect((await tampered(`delete from countersign.ledger_entries where entry_index = ${last}`)).code).toBe(
      'ledger_forked',
    );
    await installation.inRecord((admin) =>
      admin.query('insert into countersign.ledger_entries select * from kept; drop table kept'),
    );
    const invented = `insert into countersign.ledger_entries select max(entry_index) + 1, 999999999, sha256('y'), 'y' from countersign.ledger_entries`;
    expect((await tampered(invented)).code).toBe('ledger_row_changed');
    const foreign = `update countersign.ledger_checkpoints set note = replace(note, 'ledger.test', 'ledger.evil') where size = ${String(size)}`;
    expect((await tampered(foreign)).code).toBe('ledger_checkpoint_invalid');
  });
});
