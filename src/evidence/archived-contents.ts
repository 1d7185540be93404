import type pg from 'pg';
import { query } from '../record/postgres/pool.js';

/** What the notary has archived, in PostgreSQL. */
export interface ArchivedContents {
  /** Actions that have a receipt and no archive, oldest first, of those behind `after`. */
  actionsWithout(after: number, limit: number): Promise<{ actionId: string; sequence: number }[]>;
  /** From now on nobody can remove it from the content store. */
  keep(sha256: string, policyDigest: string | null): Promise<void>;
  /** Where the files of a policy bundle are kept; null when they are not. */
  filesOfPolicy(policyDigest: string): Promise<string | null>;
}

/** @param pool the notary's */
export function createArchivedContents(pool: pg.Pool): ArchivedContents {
  return {
    async actionsWithout(after, limit) {
      const text = `select action_id, min(sequence) as sequence from countersign.statements r
        where kind = 'receipt' and sequence > $1 and not exists (
          select from countersign.statements a where a.action_id = r.action_id and a.kind = 'archive')
        group by action_id order by 2 limit $2`;
      const rows = await query<{ action_id: string; sequence: string }>(pool, text, [after, limit]);
      return rows.map(({ action_id, sequence }) => ({ actionId: action_id, sequence: Number(sequence) }));
    },
    async keep(sha256, policyDigest) {
      const text =
        'insert into countersign.archived_contents (digest, policy_digest) values ($1, $2) on conflict do nothing';
      await query(pool, text, [sha256, policyDigest]);
    },
    async filesOfPolicy(policyDigest) {
      const text =
        'select digest from countersign.archived_contents where policy_digest = $1 order by archived_at limit 1';
      return (await query<{ digest: string }>(pool, text, [policyDigest]))[0]?.digest ?? null;
    },
  };
}
