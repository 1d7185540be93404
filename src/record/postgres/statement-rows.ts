import type { Envelope } from '../../core/dsse.js';
import { Refusal } from '../../core/errors.js';
import type { ProcessName, StatementKind } from '../../core/schemas/statements.js';
import type { AnyRecorded } from '../record.js';
import { invalid, isStatementKind, type VerifiedStatement } from '../verify-statement.js';

/** A row of `countersign.statements`; `bigint` columns arrive as text. */
export interface StatementRow {
  sequence: string;
  kind: string;
  action_id: string | null;
  digest: string;
  process: ProcessName | null;
  number: string | null;
  previous: string | null;
  key: string | null;
  envelope: string;
  recorded_at_ms: string;
}

export const STATEMENT_COLUMNS =
  'sequence, kind, action_id, digest, process, number, previous, key, envelope, recorded_at_ms';

/** Judges one statement; see src/record/verify-statement.ts. */
export type Verify = (kind: StatementKind, actionId: string | null, envelope: Envelope) => VerifiedStatement;

/**
 * A row as a statement on record.
 * @throws Refusal `statement_invalid` when the signature does not hold or a column says other than what was signed.
 */
export function recordedFrom(row: StatementRow, verify: Verify): AnyRecorded {
  if (!isStatementKind(row.kind)) throw invalid(`the record calls it "${row.kind}"`);
  const envelope = parseEnvelope(row.envelope);
  const { statement, digest } = verify(row.kind, row.action_id, envelope);
  const { chain, body } = statement.predicate;
  if (row.digest !== digest) throw invalid('the record holds it under another digest');
  if (
    (chain?.process ?? null) !== row.process ||
    (chain?.number.toString() ?? null) !== row.number ||
    (chain?.previous ?? null) !== row.previous
  ) {
    throw invalid('the record holds it at another place of its chain');
  }
  return {
    sequence: Number(row.sequence),
    kind: row.kind,
    actionId: row.action_id,
    digest,
    body,
    statement,
    envelope,
    key: row.key,
    recordedAtMs: Number(row.recorded_at_ms),
  } as AnyRecorded;
}

/** The same, of rows of which one that was tampered with must not hide the others. */
export function readOrRefuse(row: StatementRow, verify: Verify): AnyRecorded | Refusal {
  try {
    return recordedFrom(row, verify);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'statement_invalid') return error;
    throw error;
  }
}

/** The envelope of a row; not yet verified. */
export function parseEnvelope(text: string): Envelope {
  try {
    return JSON.parse(text) as Envelope;
  } catch {
    throw invalid('its envelope is not JSON');
  }
}
