import type pg from 'pg';
import { query } from './postgres/pool.js';
import type { Record as ActionRecord } from './record.js';

export interface ContentRetentionOptions {
  /** The notary's: nobody else may remove. */
  pool: pg.Pool;
  record: Pick<ActionRecord, 'listActions' | 'ofActions'>;
  /** How long a thing is kept after it was last put, or read for a preview. */
  retentionMs: number;
  clock: () => number;
}

// As many as may be open at once.
const MAX_OPEN = 10_000;
const MAX_REMOVED = 500;

/**
 * Makes the pass that removes from the content store what nothing has used for the retention time, that is not archived and
 * that no open action names: neither people who still decide nor the executor ever miss it.
 * @returns a function that resolves to how many things were removed.
 * @throws Refusal `statement_invalid` when an open action cannot be read: what it names is not known, so nothing is removed.
 */
export function createContentRetention({
  pool,
  record,
  retentionMs,
  clock,
}: ContentRetentionOptions): () => Promise<number> {
  return async () => {
    const before = new Date(clock() - retentionMs);
    const old = await query<{ digest: string }>(
      pool,
      'select digest from countersign.contents c where used_at < $1 and not exists (select from countersign.archived_contents a where a.digest = c.digest) order by used_at limit $2',
      [before, MAX_REMOVED],
    );
    if (old.length === 0) return 0;
    const named = await namedByOpenActions(record);
    const unneeded = old.map(({ digest }) => digest).filter((digest) => !named.has(digest));
    // Asked once more by the time: whoever puts the same again meanwhile keeps it.
    const removed = await query(
      pool,
      'delete from countersign.contents where digest = any($1) and used_at < $2 returning digest',
      [unneeded, before],
    );
    return removed.length;
  };
}

/** Every digest in what is on record of open actions: more than those of contents, and never fewer. */
async function namedByOpenActions(record: ContentRetentionOptions['record']): Promise<Set<string>> {
  const open = await record.listActions({ open: true, limit: MAX_OPEN });
  const named = new Set<string>();
  for (let start = 0; start < open.length; start += 25) {
    for (const statements of await record.ofActions(open.slice(start, start + 25))) {
      if (statements instanceof Error) throw statements;
      for (const { body } of statements)
        for (const [digest] of JSON.stringify(body).matchAll(/[0-9a-f]{64}/g)) named.add(digest);
    }
  }
  return named;
}
