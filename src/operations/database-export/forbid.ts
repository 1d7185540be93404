import { Refusal } from '../../core/errors.js';

/** Index in the text of a byte of its UTF-8. */
export function unitIndex(query: string, byteOffset: unknown): number {
  const bytes = typeof byteOffset === 'number' && byteOffset > 0 ? byteOffset : 0;
  return Buffer.from(query).subarray(0, bytes).toString().length;
}

/** Refuses a query, naming line and column of `index`. */
export function forbid(query: string, index: number, because: string, cause?: unknown): never {
  const before = query.slice(0, index).split('\n');
  const where = `line ${String(before.length)}, column ${String(Array.from(before.at(-1) ?? '').length + 1)}`;
  const message = `The query may not run: ${because} (${where}).`;
  throw new Refusal('query_forbidden', message, 'params.query', cause === undefined ? undefined : { cause });
}
