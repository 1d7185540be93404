import type pg from 'pg';
import { payloadDigest, readPayload } from '../../core/dsse.js';
import { chainSchema, type ProcessName } from '../../core/schemas/statements.js';
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
  number: string;
  digest: string;
  previous: string;
  envelope: string;
}

const PAGE_ROWS = 1_000;

/** Walks the numbers and hashes of one process's statements. Signatures are not judged here. */
export async function verifyChain(pool: pg.Pool, process: ProcessName): Promise<ChainReport> {
  const faults: ChainFault[] = [];
  let length = 0;
  let head = EMPTY_DIGEST;
  for (;;) {
    const rows = await query<ChainRow>(
      pool,
      'select number, digest, previous, envelope from countersign.statements where process = $1 and number > $2 order by number limit $3',
      [process, length, PAGE_ROWS],
    );
    for (const row of rows) {
      const number = Number(row.number);
      for (let gap = length + 1; gap < number; gap += 1) faults.push({ number: gap, kind: 'missing' });
      if (!isIntact(row, process)) faults.push({ number, kind: 'altered' });
      else if (number === length + 1 && row.previous !== head) faults.push({ number, kind: 'unlinked' });
      length = number;
      head = row.digest;
    }
    if (rows.length < PAGE_ROWS) return { length, faults };
  }
}

function isIntact(row: ChainRow, process: ProcessName): boolean {
  try {
    const envelope = parseEnvelope(row.envelope);
    if (payloadDigest(envelope) !== row.digest) return false;
    const { predicate } = readPayload(envelope) as { predicate: { chain: unknown } };
    const chain = chainSchema.safeParse(predicate.chain);
    return (
      chain.success &&
      chain.data.process === process &&
      String(chain.data.number) === row.number &&
      chain.data.previous === row.previous
    );
  } catch {
    return false;
  }
}
