import { Refusal } from '../core/errors.js';
import type { AnyDraft, AnyRecorded, Record as ActionRecord } from './record.js';

/**
 * Appends a statement under the first of these keys under which there is none, unless it is on record under one of them.
 * Nobody signed under which key a row is, and a row may not verify: neither must keep anyone from stating something.
 * @param isSame whether what is on record under a key is this statement.
 */
export async function appendUnder(
  record: Pick<ActionRecord, 'append'>,
  draft: AnyDraft,
  keys: readonly string[],
  isSame: (stated: AnyRecorded) => boolean,
): Promise<void> {
  for (const key of keys) {
    const [stated] = await record.append([{ ...draft, key }]).catch(nothingReadable);
    if (stated !== undefined && isSame(stated)) return;
  }
  throw new Refusal('statement_invalid', 'Rows of the record are under keys that are not theirs: put them back.');
}

function nothingReadable(error: unknown): AnyRecorded[] {
  if (error instanceof Refusal && error.code === 'statement_invalid') return [];
  throw error;
}
