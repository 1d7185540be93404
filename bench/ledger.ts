import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import { install } from '../apps/devstack/installation/install.js';
import { asAdmin } from '../apps/devstack/installation/postgres-admin.js';
import { IN_TOTO_PAYLOAD_TYPE, payloadOf } from '../src/core/dsse.js';
import { sha256Hex } from '../src/core/json.js';
import { buildStatement } from '../src/core/statement.js';
import { checkLedger } from '../src/ledger/check.js';
import { leafHash, rootOf } from '../src/ledger/merkle.js';
import { createLedger } from '../src/ledger/postgres-ledger.js';
import { startSequencer } from '../src/ledger/sequencer.js';
import { createNativeVerifier } from '../src/record/native-ed25519.js';
import { createRecordPool } from '../src/record/postgres/pool.js';
import type { Bed } from './bed.js';

/** What the ledger does in a second, beside its floors, and what it takes on disk. */
export interface LedgerRates {
  /** Statements that were put into it. */
  entries: number;
  /** Statements that are read, put into the tree and signed for, group-committed. */
  appended: number;
  /** The floor: plain inserts of the same rows in groups of the same size. */
  appendedFloor: number;
  /** Entries that are made anew from their statements' rows and compared, with tiles and checkpoints. */
  compared: number;
  /** Entries that are hashed up to the root, as who holds a copy of the tiles verifies it. */
  verified: number;
  /** The floor: SHA-256 of the entries alone. */
  verifiedFloor: number;
  /** Of the ledger's tables, with their indexes. */
  bytesEach: number;
  /** Of one action in this benchmark: bytes of the record's statements and of the ledger, with their indexes. */
  perAction: { statements: number; recordBytes: number; ledgerBytes: number };
}

const ORIGIN = 'bench.local/ledger';
const ACTION_ID = '01JD8ZV7Y0Q5W3K9R1T4X6B8N9';
// A statement is then as large as ours are.
const BODY_BYTES = 1_100;
const GROUP = 2_000;

/** In a database of its own, without our processes. */
export async function measureLedger(bed: Bed, entries: number): Promise<LedgerRates> {
  const { postgres, vault } = bed.services;
  const installation = await install({
    name: 'benchledger',
    vault: { address: vault.address, adminToken: vault.rootToken },
    postgres,
    targets: [],
  });
  const database = `${installation.name}_record`;
  const pool = createRecordPool({ url: installation.recordUrls.notary });
  try {
    await asAdmin(postgres.adminUrl, database, (admin) => insertStatements(admin, entries));
    const key = makeKey();
    const appended = await rateOf(entries, () => sequenceAll(pool, key, entries));
    const bundles = await pool.query<{ entry: Buffer }>(
      'select entry from countersign.ledger_entries order by entry_index',
    );
    const bytes = bundles.rows.map(({ entry }) => entry);
    return {
      entries,
      appended,
      appendedFloor: await asAdmin(postgres.adminUrl, database, (admin) => floorInserts(admin, bytes)),
      compared: await rateOf(entries, () => compareAll(pool, key, entries)),
      verified: await rateOf(entries, async () => rootOf(bytes.map(leafHash))),
      verifiedFloor: await rateOf(entries, async () =>
        bytes.map((entry) => createHash('sha256').update(entry).digest()),
      ),
      bytesEach: await asAdmin(postgres.adminUrl, database, async (admin) => (await ledgerBytes(admin)) / entries),
      perAction: await asAdmin(postgres.adminUrl, `${bed.installation.name}_record`, weighActions),
    };
  } finally {
    await pool.end();
    await installation.uninstall();
  }
}

async function rateOf(count: number, work: () => Promise<unknown>): Promise<number> {
  const beganAtMs = performance.now();
  await work();
  return Math.round((count / (performance.now() - beganAtMs)) * 1_000);
}

function makeKey() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
  const signer = {
    keyid: 'checkpoint/1',
    sign: async (all: Uint8Array[]) => all.map((one) => new Uint8Array(sign(null, one, privateKey))),
  };
  return {
    keys: () => [{ name: ORIGIN, publicKey: raw }],
    signing: () => ({ publicKey: raw, signer }),
  };
}

/** Statements as large as ours, which nobody signed: the ledger does not ask. */
async function insertStatements(admin: pg.Client, count: number): Promise<void> {
  for (let done = 0; done < count; done += GROUP) {
    const rows = Array.from({ length: Math.min(GROUP, count - done) }, () => {
      const statement = buildStatement('withdrawal', {
        actionId: ACTION_ID,
        requestDigest: sha256Hex(''),
        body: {
          actionId: ACTION_ID,
          agent: 'bench',
          reason: randomBytes(BODY_BYTES).toString('base64'),
          withdrawnAtMs: 0,
        },
        chain: null,
      });
      const payload = payloadOf(statement);
      const envelope = JSON.stringify({
        payloadType: IN_TOTO_PAYLOAD_TYPE,
        payload: Buffer.from(payload).toString('base64'),
        signatures: [{ keyid: 'agent/bench', sig: randomBytes(64).toString('base64') }],
      });
      return { digest: sha256Hex(payload), envelope };
    });
    await admin.query(
      `insert into countersign.statements (kind, action_id, digest, envelope)
       select 'withdrawal', '${ACTION_ID}', digest, envelope from jsonb_to_recordset($1) as r (digest text, envelope text)`,
      [JSON.stringify(rows)],
    );
  }
}

async function sequenceAll(pool: pg.Pool, key: ReturnType<typeof makeKey>, count: number): Promise<void> {
  const failed: unknown[] = [];
  const sequencer = startSequencer({
    ...key,
    pool,
    origin: ORIGIN,
    changes: { subscribe: () => () => undefined },
    highestSeen: async () => null,
    onCheckpoint: () => undefined,
    onFault: async (fault) => void failed.push(fault),
    onInternal: (error) => void failed.push(error),
    clock: Date.now,
    batchSize: GROUP,
  });
  const ledger = createLedger(pool);
  const isDone = async (): Promise<boolean> =>
    Number((await ledger.checkpoint())?.split('\n')[1] ?? 0) === count || failed.length > 0;
  while (!(await isDone())) await pause(5);
  await sequencer.close();
  if (failed.length > 0) throw new AggregateError(failed, 'The ledger did not take the statements.');
}

/** The same rows into a table of the same shape, in as many commits, by nobody who looks at them. */
async function floorInserts(admin: pg.Client, entries: readonly Buffer[]): Promise<number> {
  await admin.query('create table floor (like countersign.ledger_entries including indexes)');
  return rateOf(entries.length, async () => {
    for (let at = 0; at < entries.length; at += GROUP) {
      const group = entries.slice(at, at + GROUP);
      const numbers = group.map((_, index) => at + index);
      const hash = Buffer.alloc(32);
      await admin.query(
        'insert into floor select * from unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[])',
        [numbers, numbers, group.map(() => hash), group],
      );
    }
  });
}

async function compareAll(pool: pg.Pool, { keys }: ReturnType<typeof makeKey>, count: number): Promise<void> {
  const { entries } = await checkLedger({ pool, origin: ORIGIN, keys, verify: createNativeVerifier() });
  if (entries !== count) throw new Error(`The check saw ${String(entries)} entries of ${String(count)}.`);
}

async function ledgerBytes(admin: pg.Client): Promise<number> {
  const { rows } = await admin.query<{ bytes: string }>(
    `select sum(pg_total_relation_size(t)) as bytes
     from unnest(array['countersign.ledger_entries', 'countersign.ledger_tiles', 'countersign.ledger_checkpoints']::regclass[]) t`,
  );
  return Number(rows[0]?.bytes);
}

async function weighActions(admin: pg.Client): Promise<LedgerRates['perAction']> {
  const { rows } = await admin.query<{ actions: string; statements: string; bytes: string }>(
    `select count(distinct action_id) as actions, count(*) as statements,
       pg_total_relation_size('countersign.statements') as bytes from countersign.statements`,
  );
  const actions = Number(rows[0]?.actions);
  return {
    statements: Number(rows[0]?.statements) / actions,
    recordBytes: Number(rows[0]?.bytes) / actions,
    ledgerBytes: (await ledgerBytes(admin)) / actions,
  };
}
