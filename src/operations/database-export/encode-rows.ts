import type { OutputColumn } from './describe-statement.js';

/** A row as the server's text, null for NULL. */
export type TextRow = readonly (string | null)[];

/** Writes rows in one format. */
export interface RowEncoder {
  header: string;
  row(values: TextRow): string;
}

export function encoderFor(format: 'csv' | 'ndjson', columns: readonly OutputColumn[]): RowEncoder {
  return format === 'csv' ? csvEncoder(columns) : ndjsonEncoder(columns);
}

// RFC 4180, with PostgreSQL's own rule for the two that CSV cannot tell apart: NULL is empty, the empty text is "".
function csvEncoder(columns: readonly OutputColumn[]): RowEncoder {
  return {
    header: `${columns.map(({ name }) => csvField(name)).join(',')}\r\n`,
    row: (values) => `${values.map(csvField).join(',')}\r\n`,
  };
}

function csvField(value: string | null): string {
  if (value === null) return '';
  return value === '' || /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

const BOOLEAN = 16;
const NUMBERS: ReadonlySet<number> = new Set([21, 23, 700, 701]); // int2 int4 float4 float8
const JSON_TYPES: ReadonlySet<number> = new Set([114, 3802]);

// bigint and numeric stay text: most readers would round them to 53 bits.
function ndjsonEncoder(columns: readonly OutputColumn[]): RowEncoder {
  const keys = columns.map(({ name }) => `${JSON.stringify(name)}:`);
  const encoders = columns.map(({ typeOid }) => ndjsonValue(typeOid));
  return {
    header: '',
    row: (values) =>
      `{${values.map((value, index) => `${keys[index] ?? ''}${value === null ? 'null' : (encoders[index] ?? JSON.stringify)(value)}`).join(',')}}\n`,
  };
}

function ndjsonValue(typeOid: number): (value: string) => string {
  if (typeOid === BOOLEAN) return (value) => (value === 't' ? 'true' : 'false');
  // NaN and the infinities have no JSON number.
  if (NUMBERS.has(typeOid)) return (value) => (/^-?\d/.test(value) ? value : JSON.stringify(value));
  // Passed on as it is, so that no digit is lost; a line break can only stand between tokens.
  if (JSON_TYPES.has(typeOid)) return (value) => value.replace(/[\r\n]+/g, ' ');
  return (value) => JSON.stringify(value);
}
