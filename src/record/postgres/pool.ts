import pg from 'pg';
import type { Secret } from '../../core/secret.js';
import { ServiceFault } from '../../core/errors.js';

// Classes of SQLSTATE that the same query may survive later: connection, resources, operator intervention, system, rollback.
const TEMPORARY = /^(08|53|57|58|40|55)/;

export interface RecordPoolOptions {
  /** `postgres://user:password@host:port/database`, of this process's own role. */
  url: Secret;
  /** Connections kept open at most. Default 8. */
  maxConnections?: number;
  /** How long a connection or a statement may take before the record counts as away. Default 5,000. */
  timeoutMs?: number;
}

/** Connections to the record. Its errors are never fatal to the process: the call that meets one reports it. */
export function createRecordPool({ url, maxConnections = 8, timeoutMs = 5_000 }: RecordPoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url.reveal(),
    max: maxConnections,
    connectionTimeoutMillis: timeoutMs,
    statement_timeout: timeoutMs,
    lock_timeout: timeoutMs,
    // The server may be gone without a word: then no answer comes, not even a time-out of its own.
    query_timeout: timeoutMs + 1_000,
    idle_in_transaction_session_timeout: timeoutMs + 10_000,
    application_name: 'countersign',
    keepAlive: true,
  });
  pool.on('error', () => undefined); // an idle connection broke: the pool replaces it
  return pool;
}

/** Runs a piece of work in one transaction (READ COMMITTED), which it begins; rolls back and translates when it throws. */
export async function inTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  return withClient(pool, async (client) => {
    const result = await work(client);
    await client.query('commit');
    return result;
  });
}

/**
 * Runs statements as one transaction (READ COMMITTED) in one round trip. Each sees what was committed before it began, as
 * behind a lock that an earlier one waited for.
 * @returns the answer of each.
 */
export async function runTransaction(pool: pg.Pool, statements: readonly string[]): Promise<pg.QueryResult[]> {
  const text = ['begin isolation level read committed', ...statements, 'commit'].join('; ');
  const answers: unknown = await withClient(pool, (client) => client.query(text));
  return (answers as pg.QueryResult[]).slice(1, -1);
}

async function withClient<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await reachable(pool.connect());
  let broken: Error | undefined;
  // The pool listens to idle connections only: one that breaks between two queries would otherwise end the process.
  const onBroken = (error: Error): void => {
    broken = error;
  };
  client.on('error', onBroken);
  try {
    return await work(client);
  } catch (error) {
    await client.query('rollback').catch((failed: unknown) => {
      broken = failed as Error;
    });
    throw recordFault(error);
  } finally {
    client.removeListener('error', onBroken);
    client.release(broken);
  }
}

/** A query that each connection plans once. */
export interface PreparedQuery {
  name: string;
  text: string;
}

/** Runs one query; translates what PostgreSQL or the network answers. */
export async function query<Row extends pg.QueryResultRow>(
  pool: pg.Pool,
  prepared: string | PreparedQuery,
  values: unknown[],
): Promise<Row[]> {
  const config = typeof prepared === 'string' ? { text: prepared } : prepared;
  return (await reachable(pool.query<Row>({ ...config, values }))).rows;
}

async function reachable<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw recordFault(error);
  }
}

/** What PostgreSQL itself refused, with its SQLSTATE (https://www.postgresql.org/docs/18/errcodes-appendix.html). */
export class RecordFault extends ServiceFault {
  readonly sqlState: string;

  constructor(state: string, cause: unknown) {
    const words = MEANINGS[state] ?? 'its log says why';
    super('record', `The record refused: ${words} (SQLSTATE ${state}).`, TEMPORARY.test(state), { cause });
    this.sqlState = state;
  }
}

/**
 * In our words, for a fault's message enters Temporal's history and channels: PostgreSQL's own name hosts, roles and tables.
 * They are the cause, for the process's log.
 */
const MEANINGS: Readonly<Record<string, string>> = {
  '25006': 'it only reads, as a standby does',
  '28000': 'it does not let this process in',
  '28P01': 'the login does not hold',
  '3D000': 'there is no such database',
  '40P01': 'two transactions waited for each other',
  '42501': 'the right to do this is missing',
  '42703': 'its tables are not those of this release; run the migrations',
  '42883': 'its tables are not those of this release; run the migrations',
  '42P01': 'its tables are not those of this release; run the migrations',
  '53100': 'its disk is full',
  '53300': 'it has too many connections',
  '55P03': 'a lock was not to be had in time',
  '57014': 'it took longer than it may',
  '57P01': 'it is shutting down',
  '57P03': 'it is starting',
};

/** What PostgreSQL did not do, as a ServiceFault. */
function recordFault(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof ServiceFault) return error;
  if (error instanceof pg.DatabaseError) {
    return new RecordFault(error.code ?? 'none', error);
  }
  if (!isConnectionError(error)) return error;
  const { code } = error as { code?: unknown };
  const why = typeof code === 'string' && /^E[A-Z]+$/.test(code) ? code : 'the connection broke or gave no answer';
  return new ServiceFault('record', `The record cannot be reached (${why}).`, true, { cause: error });
}

function isConnectionError(error: Error & { code?: unknown }): boolean {
  if (error instanceof AggregateError) return true;
  if (typeof error.code === 'string' && /^E[A-Z]+$/.test(error.code)) return true;
  // What pg itself says has neither code nor name; what a caller threw has, whatever words it quotes.
  if (error.name !== 'Error') return false;
  return /connection terminated|timeout|connection error|not queryable|client has encountered|pool after calling end/i.test(
    error.message,
  );
}
