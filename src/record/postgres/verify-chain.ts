import type pg from 'pg';
import { payloadDigest, readPayload } from '../../core/dsse.js';
import { chainSchema, predicateTypeOf, type ProcessName, type Statement } from '../../core/schemas/statements.js';
import { subjectNameOf } from '../../core/statement.js';
import { claimKeyOf } from '../debts.js';
import { EMPTY_DIGEST } from './append-statements.js';
import { query } from './pool.js';
import { parseEnvelope } from './statement-rows.js';

/** A place where a process's chain does not hold. */
export interface ChainFault {
  number: number;
  /** `missing`: no row has this number. `altered`: its content is not what its digest says. `unlinked`: it does not follow on the one before. */
  kind: 'missing' | 'altered' | 'unlinked';
}

export interface ChainReport {
  /** The highest number on record. What was cut off after it does not show here: only a checkpoint kept elsewhere tells. */
  length: number;
  faults: ChainFault[];
}

interface ChainRow {
  kind: string;
  action_id: string | null;
  key: string | null;
  number: string;
  digest: string;
  previous: string;
  envelope: string;
}

const PAGE_ROWS = 1_000;

/** Walks the numbers and hashes of one process's statements. Signatures are not judged here. */
export function verifyChain(pool: pg.Pool, process: ProcessName): Promise<ChainReport> {
  return walk(pool, process, { length: 0, head: EMPTY_DIGEST });
}

/**
 * The same of the newest so many statements, from the one before them on. They are also looked for by their action, and claims
 * by kind and key, which nobody signs: a row that says otherwise than what was signed is altered.
 */
export async function verifyNewest(pool: pg.Pool, process: ProcessName, count: number): Promise<ChainReport> {
  const [first] = await query<{ number: string; digest: string }>(
    pool,
    `select number, digest from countersign.statements where process = $1
       and number <= (select max(number) from countersign.statements where process = $1) - $2 order by number desc limit 1`,
    [process, count],
  );
  const start =
    first === undefined ? { length: 0, head: EMPTY_DIGEST } : { length: Number(first.number), head: first.digest };
  return walk(pool, process, start, isFoundAsSigned);
}

/** May throw for what is no statement. */
function isFoundAsSigned({ kind, action_id: actionId, key, envelope }: ChainRow): boolean {
  const { subject, predicateType, predicate } = readPayload(parseEnvelope(envelope)) as Statement<'claim'>;
  if (subject[0].name !== subjectNameOf(actionId)) return false;
  return predicateType === predicateTypeOf('claim')
    ? kind === 'claim' && key === claimKeyOf(predicate.body)
    : kind !== 'claim';
}

async function walk(
  pool: pg.Pool,
  process: ProcessName,
  start: { length: number; head: string },
  isFound: (row: ChainRow) => boolean = () => true,
): Promise<ChainReport> {
  const faults: ChainFault[] = [];
  let { length, head } = start;
  for (;;) {
    const rows = await query<ChainRow>(
      pool,
      'select kind, action_id, key, number, digest, previous, envelope from countersign.statements where process = $1 and number > $2 order by number limit $3',
      [process, length, PAGE_ROWS],
    );
    for (const row of rows) {
      const number = Number(row.number);
      for (let gap = length + 1; gap < number; gap += 1) faults.push({ number: gap, kind: 'missing' });
      if (!isIntact(row, process, isFound)) faults.push({ number, kind: 'altered' });
      else if (number === length + 1 && row.previous !== head) faults.push({ number, kind: 'unlinked' });
      length = number;
      head = row.digest;
    }
    if (rows.length < PAGE_ROWS) return { length, faults };
  }
}

function isIntact(row: ChainRow, process: ProcessName, isFound: (row: ChainRow) => boolean): boolean {
  try {
    const envelope = parseEnvelope(row.envelope);
    if (payloadDigest(envelope) !== row.digest) return false;
    const { predicate } = readPayload(envelope) as { predicate: { chain: unknown } };
    const chain = chainSchema.safeParse(predicate.chain);
    return (
      chain.success &&
      chain.data.process === process &&
      String(chain.data.number) === row.number &&
      chain.data.previous === row.previous &&
      isFound(row)
    );
  } catch {
    return false;
  }
}
