import type pg from 'pg';
import { query } from '../../record/postgres/pool.js';
import type { Candidate } from './redecide.js';

/** Bundles in the record's database: what is removed from Vault is still there when a process starts. */
export interface KeptBundles {
  find(number: number): Promise<Candidate[]>;
  keep(number: number, candidate: Candidate): Promise<void>;
}

// Honest processes keep one of each number.
const MAX_FOUND = 20;

export function createKeptBundles(pool: pg.Pool): KeptBundles {
  return {
    async find(number) {
      return query<{ document: string; change: string }>(
        pool,
        'select document, change from countersign.policy_bundles where number = $1 order by recorded_at limit $2',
        [number, MAX_FOUND],
      );
    },
    async keep(number, { document, change }) {
      await query(
        pool,
        'insert into countersign.policy_bundles (number, change, document) values ($1, $2, $3) on conflict do nothing',
        [number, change, document],
      );
    },
  };
}
