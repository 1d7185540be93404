import { createHash, type Hash } from 'node:crypto';
import type pg from 'pg';
import type { VerifyEd25519 } from '../core/ed25519.js';
import { predicateTypeOf, type FreezeScope, type StatementBody } from '../core/schemas/statements.js';
import { subjectNameOf } from '../core/statement.js';
import { claimKeyOf, GLASS_KEY_END } from '../record/debts.js';
import { wordOfScope } from '../record/freezes.js';
import { EMPTY_DIGEST } from '../record/postgres/append-statements.js';
import { query } from '../record/postgres/pool.js';
import { parseEnvelope } from '../record/postgres/statement-rows.js';
import { isStatementKind } from '../record/verify-statement.js';
import { openCheckpoint, type Checkpoint } from './checkpoint.js';
import { entryOfText } from './entry.js';
import type { LedgerFault } from './faults.js';
import { openGrowingTree, type FullTile, type GrowingTree } from './growing.js';
import { equalHashes, leafHash } from './merkle.js';
import type { NoteKey } from './note.js';

export interface CheckOptions {
  pool: pg.Pool;
  origin: string;
  keys: () => readonly NoteKey[];
  verify?: VerifyEd25519;
  /** Ends it early; what it then answers is of the part that it saw. */
  signal?: AbortSignal;
}

/** What a check found. */
export interface LedgerReport {
  /** Entries that were compared. */
  entries: number;
  checkpoints: number;
  /** The newest checkpoint that holds; null without any. */
  newest: Checkpoint | null;
  /** The first 20, and one for all others together. */
  faults: LedgerFault[];
}

/**
 * Makes the whole ledger anew from the statements' rows, and compares: every entry with its statement, every process's
 * chain, every tile, and every checkpoint with the tree at its size.
 */
export async function checkLedger(options: CheckOptions): Promise<LedgerReport> {
  const walk: Walk = {
    tree: await openGrowingTree(0, () => Promise.reject(new Error('checkLedger: an empty tree has no tiles'))),
    chains: new Map(),
    report: { entries: 0, checkpoints: 0, newest: null, faults: [] },
    isWhole: true,
    isForked: false,
    others: { count: 0, names: createHash('sha256') },
  };
  const { report } = walk;
  // To the end, whatever is found: people clear what they know, and what is new must show behind it.
  while (options.signal?.aborted !== true) {
    const rows = await query<EntryRow>(options.pool, ENTRIES, [report.entries]);
    if (rows.length === 0) break;
    const first = report.entries;
    const tiles: FullTile[] = [];
    const roots = new Map<number, Uint8Array>();
    const stops = new Set(await checkpointSizes(options.pool, first, Number(rows.at(-1)?.entry_index) + 1));
    for (const row of rows) {
      tiles.push(...checkEntry(row, walk));
      if (walk.isWhole && stops.has(report.entries)) roots.set(report.entries, walk.tree.root());
    }
    await checkTiles(tiles, options.pool, walk);
    await checkCheckpoints(first, roots, options, walk);
  }
  await checkEnd(options.pool, walk);
  if (options.signal?.aborted !== true) tellOthers(walk);
  return report;
}

const MAX_FAULTS = 20;

interface Walk {
  tree: GrowingTree;
  /** Of each process, its last statement. */
  chains: Map<string, { number: number; digest: string }>;
  report: LedgerReport;
  /** Whether no entry was missing so far: behind a gap there is no tree to compare with. */
  isWhole: boolean;
  /** Whether a checkpoint was found to be of another tree: so are all behind it. */
  isForked: boolean;
  /** Faults behind the first ones: how many, and over their names. */
  others: { count: number; names: Hash };
}

function tell({ report, others }: Walk, fault: LedgerFault): void {
  if (report.faults.length < MAX_FAULTS) {
    report.faults.push(fault);
    return;
  }
  others.count += 1;
  others.names.update(`${fault.code}/${fault.what}\n`);
}

/** One fault for the many: another one whenever one of them comes or goes. */
function tellOthers({ report, others: { count, names } }: Walk): void {
  if (count === 0) return;
  const sentence = `${String(count)} more faults of the ledger were found behind the first ${String(MAX_FAULTS)}, which have alarms of their own.`;
  report.faults.push({ code: 'ledger_row_changed', sentence, what: `others/${names.digest('hex')}` });
}

interface EntryRow {
  entry_index: string;
  sequence: string;
  leaf_hash: Buffer;
  entry: Buffer;
  alarm_digest: string | null;
  envelope: string | null;
  digest: string;
  kind: string;
  action_id: string | null;
  process: string | null;
  number: string | null;
  previous: string | null;
  key: string | null;
}

// An envelope may have a megabyte: a page of such must fit into memory.
const PAGE_BYTES = 32 * 1_024 * 1_024;
const ENTRIES = {
  name: 'ledger-check-entries',
  text: `select * from (
      select page.*, sum(coalesce(octet_length(envelope), 0)) over (order by entry_index) as bytes from (
        select entry_index, e.sequence, leaf_hash, entry, alarm_digest, envelope, digest, kind, action_id, process, number, previous, key
        from countersign.ledger_entries e left join countersign.statements using (sequence)
        where entry_index >= $1 order by entry_index limit 500) page) measured
    where bytes <= ${String(PAGE_BYTES)} or bytes = octet_length(envelope) order by entry_index`,
};

function checkEntry(row: EntryRow, walk: Walk): FullTile[] {
  const { tree, chains, report } = walk;
  const expected = report.entries;
  const index = Number(row.entry_index);
  const found = (code: LedgerFault['code'], sentence: string): void => {
    tell(walk, { code, sentence, what: `${String(index)}/${row.leaf_hash.toString('hex')}` });
  };
  report.entries = index + 1;
  const where = `Entry ${String(index)} of the ledger (statement ${row.sequence} of the record)`;
  if (index !== expected) {
    walk.isWhole = false;
    found('ledger_gap', `Entry ${String(expected)} of the ledger is missing.`);
  }
  if (!equalHashes(leafHash(row.entry), row.leaf_hash))
    found('ledger_row_changed', `${where} is not what its hash says.`);
  if (row.envelope === null) found('ledger_row_missing', `${where}: the statement was removed from the record.`);
  else if (!equalHashes(entryOfText(row.envelope), row.entry))
    found('ledger_row_changed', `${where}: the statement was changed since it was put into the ledger.`);
  else {
    const otherwise = rowFault(row, row.envelope);
    if (otherwise !== null) found('ledger_row_changed', `${where}: ${otherwise}`);
  }
  const fault = row.envelope === null ? null : chainFault(row, chains);
  if (fault !== null) found('ledger_gap', `${where}: ${fault}`);
  return walk.isWhole ? tree.append(row.leaf_hash) : [];
}

/** Where the columns of a row say other than what was signed: a statement under another action is as good as removed. */
function rowFault(row: EntryRow, envelope: string): string | null {
  const statement = payloadIn(envelope);
  if (statement === null) return 'what is on record is no statement.';
  const { subject, predicateType, predicate } = statement;
  const { chain } = predicate;
  const isSame =
    row.entry.includes(`"payloadSha256":"${row.digest}"`) &&
    subject[0]?.name === subjectNameOf(row.action_id) &&
    isStatementKind(row.kind) &&
    predicateType === predicateTypeOf(row.kind) &&
    row.process === (chain?.process ?? null) &&
    row.number === (chain === null ? null : String(chain.number)) &&
    row.previous === (chain?.previous ?? null);
  if (!isSame) return 'its row says other than what was signed: another action, kind, digest or place in a chain.';
  if (row.alarm_digest !== (row.kind === 'alarm' ? row.digest : null))
    return 'what the ledger notes of it, whether it is an alarm, was changed.';
  return isFoundBy(row, predicate.body)
    ? null
    : 'its row is not under the key that it is found by: who asks for it does not see it.';
}

/**
 * Whether a statement that is looked for by its key has the one that what was signed demands: a freeze, and what lifts it; a claim,
 * and a decision that breaks the glass, by which is found what is owed.
 */
function isFoundBy({ kind, action_id: actionId, key }: EntryRow, body: Payload['predicate']['body']): boolean {
  const first = (words: number): string => (key ?? '').split('/', words).join('/');
  if (kind === 'clearance') return first(1) === body?.alarm;
  if (kind === 'unfreeze' && actionId === null) return first(1) === body?.freeze;
  if (kind === 'claim') return body != null && key === claimKeyOf(body as StatementBody<'claim'>);
  if (kind === 'decision') return (key ?? '').endsWith(GLASS_KEY_END) === (body?.breakGlass === true);
  if (kind !== 'freeze') return true;
  return body?.scope == null ? key === body?.agent : first(2) === wordOfScope(body.scope);
}

interface Payload {
  subject: { name: string }[];
  predicateType: string;
  predicate: {
    chain: { process: string; number: number; previous: string } | null;
    body?: { alarm?: string; freeze?: string; agent?: string; scope?: FreezeScope; breakGlass?: unknown } | null;
  };
}

function payloadIn(envelope: string): Payload | null {
  try {
    // The entry was made of it: it is base64 in its one spelling.
    const bytes = Buffer.from(parseEnvelope(envelope).payload, 'base64');
    const payload = JSON.parse(bytes.toString('utf8')) as Payload;
    return Array.isArray(payload.subject) && typeof payload.predicate.chain === 'object' ? payload : null;
  } catch {
    return null;
  }
}

/** Where a process's statement does not follow on its last one. */
function chainFault({ process, number, previous, digest }: EntryRow, chains: Walk['chains']): string | null {
  if (process === null || number === null) return null;
  const last = chains.get(process) ?? { number: 0, digest: EMPTY_DIGEST };
  chains.set(process, { number: Number(number), digest });
  if (Number(number) !== last.number + 1)
    return `it is number ${number} of the ${process}, behind number ${String(last.number)}: statements between them are missing or stand elsewhere.`;
  return previous === last.digest
    ? null
    : `it is not the one that the ${process} stated behind number ${String(last.number)}.`;
}

interface TileRow {
  level: number;
  tile_index: string;
  root: Buffer;
  hashes: Buffer;
}

const TILES = {
  name: 'ledger-check-tiles',
  text: `select level, tile_index, root, hashes from countersign.ledger_tiles
    where (level, tile_index) in (select * from unnest($1::smallint[], $2::bigint[]))`,
};

async function checkTiles(tiles: readonly FullTile[], pool: pg.Pool, walk: Walk): Promise<void> {
  if (tiles.length === 0) return;
  const values = [tiles.map(({ level }) => level), tiles.map(({ index }) => index)];
  const rows = await query<TileRow>(pool, TILES, values);
  const byName = new Map(rows.map((row) => [`${String(row.level)}/${row.tile_index}`, row]));
  for (const { level, index, hashes, root } of tiles) {
    const name = `${String(level)}/${String(index)}`;
    const row = byName.get(name);
    if (row !== undefined && equalHashes(row.hashes, hashes) && equalHashes(row.root, root)) continue;
    const sentence = `Tile ${name} of the ledger ${row === undefined ? 'is missing' : 'is not that of its entries'}.`;
    tell(walk, { code: 'ledger_tile_changed', sentence, what: `${name}/${row?.root.toString('hex') ?? ''}` });
  }
}

const SIZES = {
  name: 'ledger-check-sizes',
  text: 'select size from countersign.ledger_checkpoints where size > $1 and size <= $2',
};

async function checkpointSizes(pool: pg.Pool, from: number, to: number): Promise<number[]> {
  return (await query<{ size: string }>(pool, SIZES, [from, to])).map(({ size }) => Number(size));
}

const NOTES = {
  name: 'ledger-check-notes',
  text: 'select size, note from countersign.ledger_checkpoints where size > $1 and size <= $2 order by size',
};

async function checkCheckpoints(
  from: number,
  roots: ReadonlyMap<number, Uint8Array>,
  { pool, origin, keys, verify }: CheckOptions,
  walk: Walk,
): Promise<void> {
  const { report } = walk;
  for (const row of await query<{ size: string; note: string }>(pool, NOTES, [from, report.entries])) {
    const opened = openCheckpoint(row.note, origin, keys(), verify);
    const root = roots.get(Number(row.size));
    // Signed since the sizes were read: its turn comes with the next check.
    if (root === undefined && walk.isWhole) continue;
    report.checkpoints += 1;
    if (!opened.ok || opened.checkpoint.size !== Number(row.size)) {
      const why = opened.ok ? 'it is of another size' : opened.fault;
      const sentence = `The checkpoint of size ${row.size} does not hold for the ledger "${origin}" (${why}).`;
      tell(walk, { code: 'ledger_checkpoint_invalid', sentence, what: row.size });
    } else if (root === undefined || walk.isForked) continue;
    else if (!equalHashes(opened.checkpoint.root, root)) {
      walk.isForked = true;
      const sentence = `The ledger's tree of size ${row.size} is not the one whose checkpoint was signed: entries were changed, re-ordered or exchanged.`;
      tell(walk, { code: 'ledger_forked', sentence, what: row.size });
    } else report.newest = opened.checkpoint;
  }
}

const BEYOND = {
  name: 'ledger-check-beyond',
  text: `select size from countersign.ledger_checkpoints c where size > (select coalesce(max(entry_index) + 1, 0) from countersign.ledger_entries)
    order by size desc limit 1`,
};

async function checkEnd(pool: pg.Pool, walk: Walk): Promise<void> {
  const { report } = walk;
  // Not what was walked: the ledger grew meanwhile.
  const [beyond] = await query<{ size: string }>(pool, BEYOND, []);
  if (beyond === undefined) return;
  const sentence = `A checkpoint of ${beyond.size} entries was signed; the ledger has ${String(report.entries)}.`;
  tell(walk, { code: 'ledger_truncated', sentence, what: beyond.size });
}
