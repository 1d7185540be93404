import { createHash } from 'node:crypto';
import pg from 'pg';
import { payloadOf, sealPayloads, type Envelope, type Signer } from '../../core/dsse.js';
import { sha256Hex } from '../../core/json.js';
import type { ProcessName, Statement, StatementKind } from '../../core/schemas/statements.js';
import { buildStatement } from '../../core/statement.js';
import type { AnyDraft, AnyRecorded } from '../record.js';
import type { VerifiedStatement } from '../verify-statement.js';
import { query, RecordFault } from './pool.js';
import { alreadyTaken } from './sql-states.js';
import { STATEMENT_COLUMNS, recordedFrom, type StatementRow } from './statement-rows.js';

/** What the numbering and signing of drafts needs. */
export interface Appending {
  process: ProcessName;
  signerFor: (kind: StatementKind) => Signer;
  verify: (kind: StatementKind, actionId: string | null, envelope: Envelope) => VerifiedStatement;
}

interface HeadRow {
  number: string;
  digest: string;
}

/** The last statement of a process's chain. */
export interface ChainHead {
  number: number;
  digest: string;
}

/** Where the chain ends, and what is on record under the drafts' keys. */
interface Found {
  head: ChainHead;
  known: Map<string | AnyDraft, AnyRecorded>;
}

type RunInsert = (values: unknown[]) => Promise<PlacedRow[]>;

interface PlacedRow {
  number: string;
  sequence: string;
  recorded_at_ms: string;
}

/** A draft with its place in the chain; `digest` is that of the payload. */
interface Numbered {
  draft: AnyDraft;
  statement: Statement;
  payload: Uint8Array;
  digest: string;
}

const UNIQUE_VIOLATION = '23505';
const DEADLOCK = '40P01';

/** What the first statement of a chain names as its previous one. */
export const EMPTY_DIGEST = sha256Hex('');

/** Statements on record, one for each draft, and where the chain then ends. */
export interface Appended {
  statements: AnyRecorded[];
  /** Before and after. */
  previous: ChainHead;
  head: ChainHead;
}

/**
 * Numbers, chains and signs (one call per key) drafts behind what this process wrote last, and inserts them in one round
 * trip. @returns null when the chain has grown meanwhile, or a draft's key is on record: then nothing was written.
 */
export async function appendBehind(
  pool: pg.Pool,
  drafts: readonly AnyDraft[],
  head: ChainHead,
  appending: Appending,
): Promise<Appended | null> {
  try {
    return await appendFresh((values) => query(pool, INSERT, values), drafts, { head, known: new Map() }, appending);
  } catch (error) {
    if (isOvertaken(error)) return null;
    throw error;
  }
}

/**
 * The same in a transaction that it begins and the caller commits, behind a lock on the chain. Drafts whose key is on
 * record are answered with the statement that is there.
 */
export async function appendLocked(
  client: pg.PoolClient,
  drafts: readonly AnyDraft[],
  appending: Appending,
): Promise<Appended> {
  const found = await lockChain(client, drafts, appending);
  const run: RunInsert = async (values) => (await client.query<PlacedRow>({ ...INSERT, values })).rows;
  return appendFresh(run, drafts, found, appending);
}

async function appendFresh(
  run: RunInsert,
  drafts: readonly AnyDraft[],
  { head, known }: Found,
  appending: Appending,
): Promise<Appended> {
  const fresh = new Map<string | AnyDraft, AnyDraft>();
  for (const draft of drafts) {
    const name = keyOf(draft) ?? draft;
    if (!fresh.has(name) && !known.has(name)) fresh.set(name, draft);
    else if (draft.isFirst === true) throw alreadyTaken();
  }
  const numbered = numberDrafts([...fresh.values()], head, appending.process);
  const envelopes = await sealNumbered(numbered, appending);
  const inserted = await insertNumbered(run, numbered, envelopes, appending.process);
  for (const [index, name] of [...fresh.keys()].entries()) known.set(name, present(inserted[index]));
  const last = numbered.at(-1);
  return {
    statements: drafts.map((draft) => present(known.get(keyOf(draft) ?? draft))),
    previous: head,
    head: last === undefined ? head : { number: head.number + numbered.length, digest: last.digest },
  };
}

/**
 * Whether another process wrote what this one would have, the same place of the chain or the same key; or locked the same leases
 * in another order, for its own chain. Nothing was written.
 */
export function isOvertaken(error: unknown): boolean {
  return error instanceof RecordFault && (error.sqlState === UNIQUE_VIOLATION || error.sqlState === DEADLOCK);
}

/** An in-toto statement (https://in-toto.io/Statement/v1) for a draft at a place of the chain. */
export function statementOf(draft: AnyDraft, process: ProcessName, head: ChainHead): Statement {
  const { kind, actionId, requestDigest, body } = draft;
  return buildStatement(kind, {
    actionId,
    requestDigest,
    body,
    chain: { process, number: head.number + 1, previous: head.digest },
  });
}

/** Begins the transaction, locks the chain, and reads its head and what is on record under the drafts' keys. */
async function lockChain(
  client: pg.PoolClient,
  drafts: readonly AnyDraft[],
  { process, verify }: Appending,
): Promise<Found> {
  const keys = drafts.map(keyOf).filter((key) => key !== undefined);
  // One round trip. The lock is a statement of its own: the next ones then see what its last holder committed.
  const answers: unknown = await client.query(`begin isolation level read committed;
    select pg_advisory_xact_lock(hashtextextended('${lockOf(process)}', 0));
    select number, digest from countersign.statements where process = '${process}' order by number desc limit 1;
    select ${STATEMENT_COLUMNS} from countersign.statements
    where (coalesce(action_id, ''), kind, key) in
      (select w ->> 0, w ->> 1, w ->> 2 from jsonb_array_elements(${pg.escapeLiteral(`[${keys.join()}]`)}) w)`);
  const [, , last, found] = answers as [unknown, unknown, pg.QueryResult<HeadRow>, pg.QueryResult<StatementRow>];
  const [row] = last.rows;
  return {
    head: row === undefined ? { number: 0, digest: EMPTY_DIGEST } : { number: Number(row.number), digest: row.digest },
    known: new Map(
      found.rows.map((one) => [JSON.stringify([one.action_id ?? '', one.kind, one.key]), recordedFrom(one, verify)]),
    ),
  };
}

function keyOf(draft: AnyDraft): string | undefined {
  return draft.key === undefined ? undefined : JSON.stringify([draft.actionId ?? '', draft.kind, draft.key]);
}

function numberDrafts(drafts: readonly AnyDraft[], head: ChainHead, process: ProcessName): Numbered[] {
  let last = head;
  return drafts.map((draft) => {
    const statement = statementOf(draft, process, last);
    const payload = payloadOf(statement);
    last = { number: last.number + 1, digest: createHash('sha256').update(payload).digest('hex') };
    return { draft, statement, payload, digest: last.digest };
  });
}

async function sealNumbered(numbered: readonly Numbered[], { signerFor }: Appending): Promise<Envelope[]> {
  const bySigner = new Map<Signer, number[]>();
  for (const [index, { draft }] of numbered.entries()) {
    const signer = signerFor(draft.kind);
    bySigner.set(signer, [...(bySigner.get(signer) ?? []), index]);
  }
  const envelopes: Envelope[] = [];
  for (const [signer, indexes] of bySigner) {
    const sealed = await sealPayloads(
      indexes.map((index) => present(numbered[index]).payload),
      signer,
    );
    for (const [at, index] of indexes.entries()) envelopes[index] = present(sealed[at]);
  }
  return envelopes;
}

// The lock lets nobody number from a head that is about to change, and is let go when the rows are committed.
const INSERT = {
  name: 'append-statements',
  text: `with locked as materialized (select pg_advisory_xact_lock(hashtextextended($2, 0)))
    insert into countersign.statements (kind, action_id, digest, process, number, previous, key, envelope)
    select kind, action_id, digest, process, number, previous, key, envelope
    from locked, jsonb_to_recordset($1) as r (kind text, action_id text, digest text, process text, number bigint, previous text, key text, envelope text)
    order by number returning number, sequence, recorded_at_ms`,
};

function lockOf(process: ProcessName): string {
  return `countersign.chain/${process}`;
}

async function insertNumbered(
  run: RunInsert,
  numbered: readonly Numbered[],
  envelopes: readonly Envelope[],
  process: ProcessName,
): Promise<AnyRecorded[]> {
  if (numbered.length === 0) return [];
  const rows = numbered.map(({ draft, statement, digest }, index) => ({
    kind: draft.kind,
    action_id: draft.actionId,
    digest,
    ...statement.predicate.chain,
    key: draft.key ?? null,
    envelope: JSON.stringify(envelopes[index]),
  }));
  const placed = await run([JSON.stringify(rows), lockOf(process)]);
  const byNumber = new Map(placed.map((row) => [Number(row.number), row]));
  return numbered.map(({ draft, statement, digest }, index) => {
    const place = present(byNumber.get(statement.predicate.chain?.number ?? 0));
    return {
      sequence: Number(place.sequence),
      kind: draft.kind,
      actionId: draft.actionId,
      digest,
      body: draft.body,
      statement,
      envelope: present(envelopes[index]),
      key: draft.key ?? null,
      recordedAtMs: Number(place.recorded_at_ms),
    } as AnyRecorded;
  });
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('The record lost count of the statements that it was given.');
  return value;
}
