import type pg from 'pg';
import { createRecord, type PostgresRecord } from '../../src/record/postgres-record.js';
import type { TestInstallation, TestProcess } from './installation.js';

/** The record as a process reads it that has just started, by another's pool. */
export interface CountingReader {
  record: PostgresRecord;
  /** Queries so far. */
  queries(): number;
}

export function countingReader({ keys, agent }: TestInstallation, { pool }: TestProcess): CountingReader {
  let queries = 0;
  const query = (config: pg.QueryConfig): Promise<pg.QueryResult> => {
    queries += 1;
    return pool.query(config);
  };
  const record = createRecord({
    pool: Object.create(pool, { query: { value: query } }) as pg.Pool,
    process: 'notary',
    signers: {},
    keyring: () => keys,
    agentKeys: () => [agent.publicKey],
  });
  return { record, queries: () => queries };
}
