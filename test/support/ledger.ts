import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { base64 } from '@scure/base';
import type pg from 'pg';
import type { Signer } from '../../src/core/dsse.js';
import { sha256Hex } from '../../src/core/json.js';
import { openCheckpoint } from '../../src/ledger/checkpoint.js';
import { entryOfText } from '../../src/ledger/entry.js';
import { createFrontier, leafHash } from '../../src/ledger/merkle.js';
import type { NoteKey } from '../../src/ledger/note.js';
import { startSequencer, type SequencerOptions } from '../../src/ledger/sequencer.js';
import type { TestInstallation } from './installation.js';
import { newActionId } from './signing.js';
import { until } from './until.js';

export const ORIGIN = 'ledger.test/countersign';

/** A key for checkpoints that needs no Vault. */
export interface LedgerKey extends NoteKey {
  signer: Signer;
  /** PKCS #8, in base64. */
  privateKey: string;
}

export function makeLedgerKey(): LedgerKey {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  return {
    name: ORIGIN,
    publicKey: base64.encode(new Uint8Array(raw)),
    privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
    signer: {
      keyid: 'checkpoint/1',
      sign: async (messages) => messages.map((message) => new Uint8Array(sign(null, message, privateKey))),
    },
  };
}

/** All that a sequencer is made of, quick. */
export function sequencerOptions(pool: pg.Pool, key: LedgerKey): SequencerOptions {
  return {
    pool,
    origin: ORIGIN,
    signing: () => key,
    keys: () => [key],
    changes: { subscribe: () => () => undefined },
    highestSeen: async () => null,
    onCheckpoint: () => undefined,
    onFault: async () => undefined,
    onInternal: () => undefined,
    clock: Date.now,
    pace: { standByMs: 5, gatherMs: 0, slowPollMs: 5 },
  };
}

/** Puts all that is on record into the ledger. */
export async function sequenceAll(pool: pg.Pool, key: LedgerKey): Promise<void> {
  const sequencer = startSequencer(sequencerOptions(pool, key));
  await until(async () => {
    const { rows } = await pool.query<{ left: string }>(`select (select count(*) from countersign.statements)
      - coalesce((select max(size) from countersign.ledger_checkpoints), 0) as left`);
    return rows[0]?.left === '0';
  });
  await sequencer.close();
}

/** Changes rows as who administers the database can, looks, and puts them back. */
export async function whileTampered<T>(
  { inRecord }: TestInstallation,
  sql: string,
  look: () => Promise<T>,
): Promise<T> {
  const tables = ['statements', 'ledger_entries', 'ledger_tiles', 'ledger_checkpoints'];
  const all = (statement: (table: string) => string): string => tables.map(statement).join(';');
  return inRecord(async (admin) => {
    await admin.query('set session_replication_role = replica');
    await admin.query(all((table) => `create temporary table kept_${table} as select * from countersign.${table}`));
    await admin.query(sql);
    try {
      return await look();
    } finally {
      await admin.query(
        all((table) => {
          const overriding = table === 'statements' ? 'overriding system value' : '';
          return `delete from countersign.${table}; insert into countersign.${table} ${overriding} select * from kept_${table}`;
        }),
      );
    }
  });
}

/** Puts statements on record that nobody signed: the ledger holds what there is. */
export async function insertStatements(client: Pick<pg.ClientBase, 'query'>, count: number): Promise<number[]> {
  const rows = Array.from({ length: count }, () => {
    const payload = randomBytes(60).toString('base64');
    const signatures = [{ keyid: 'agent/test', sig: randomBytes(64).toString('base64') }];
    const envelope = JSON.stringify({ payloadType: 'application/vnd.in-toto+json', payload, signatures });
    return { digest: sha256Hex(envelope), envelope };
  });
  const { rows: placed } = await client.query<{ sequence: string }>(
    `insert into countersign.statements (kind, action_id, digest, envelope)
     select 'withdrawal', $2, digest, envelope from jsonb_to_recordset($1) as r (digest text, envelope text)
     returning sequence`,
    [JSON.stringify(rows), newActionId()],
  );
  return placed.map(({ sequence }) => Number(sequence));
}

/** What an auditor would find: every entry made anew from its statement, every checkpoint compared with that tree. */
export interface Audit {
  size: number;
  /** `sequence` of each entry's statement, in the ledger's order. */
  sequences: number[];
  checkpoints: number;
  faults: string[];
}

/** @param client sees the record's rows. */
export async function auditRows(client: Pick<pg.ClientBase, 'query'>, key: NoteKey): Promise<Audit> {
  const { rows: entries } = await client.query<{ i: string; s: string; hash: Buffer; envelope: string | null }>(
    `select entry_index i, e.sequence s, leaf_hash hash, envelope from countersign.ledger_entries e
     left join countersign.statements using (sequence) order by entry_index`,
  );
  const { rows: notes } = await client.query<{ size: string; note: string }>(
    'select size, note from countersign.ledger_checkpoints order by size',
  );
  const faults: string[] = [];
  const frontier = createFrontier();
  const roots = new Map<number, Uint8Array>();
  for (const [at, { i, hash, envelope }] of entries.entries()) {
    const made = Buffer.from(leafHash(entryOfText(envelope ?? '')));
    if (Number(i) !== at) faults.push(`entry ${String(at)} has index ${i}`);
    if (!made.equals(hash)) faults.push(`entry ${String(at)} is not of its statement`);
    frontier.append(made);
    roots.set(frontier.size(), frontier.root());
  }
  for (const { size, note } of notes) {
    const opened = openCheckpoint(note, ORIGIN, [key]);
    const root = roots.get(Number(size));
    if (!opened.ok) faults.push(`checkpoint ${size}: ${opened.fault}`);
    else if (
      root === undefined ||
      !Buffer.from(root).equals(opened.checkpoint.root) ||
      opened.checkpoint.size !== Number(size)
    )
      faults.push(`checkpoint ${size} is of another tree`);
  }
  return {
    size: entries.length,
    sequences: entries.map(({ s }) => Number(s)),
    checkpoints: notes.length,
    faults,
  };
}
