import pg from 'pg';
import { Refusal, ServiceFault, type RefusalCode } from '../../core/errors.js';
import type { PostgresTarget } from '../../targets/postgres.js';
import { connectionConfig } from '../../targets/postgres/connection.js';
import type { DatabaseLogin } from '../../vault/credentials/database.js';
import type { LeasedCredential } from '../../vault/leases.js';

const CANCEL_TIMEOUT_MS = 2_000;
const SUPPORTED_VERSION = 170_000;

export interface SessionOptions {
  target: PostgresTarget;
  credential: Pick<LeasedCredential<DatabaseLogin>, 'username' | 'material'>;
  /** Limit of each statement and of the whole transaction. */
  timeoutMs: number;
  signal: AbortSignal;
  /** Whether messages of the server may be repeated: they quote the query, and during execution also data. */
  quoteServer(): boolean;
}

/** What distinguishes the sessions of operations. */
export interface SessionKind {
  /** The operation, as the target's own log and its views of sessions show it. */
  operation: string;
  /** Begins the first transaction. */
  begin: string;
  /** What the server refuses before it runs is refused by this code, at this field. */
  refused: { code: RefusalCode; field: string };
}

const READ_ONLY: SessionKind = {
  operation: 'database.export',
  begin: 'BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY',
  refused: { code: 'query_forbidden', field: 'params.query' },
};

/**
 * Runs `work` as the leased user in one read-only transaction, which is always rolled back.
 * READ COMMITTED on purpose: the plan locks the relations, and definitions read after that are those that will run;
 * a REPEATABLE READ snapshot would be older than the locks. The export itself is one statement, so one snapshot.
 * @throws Refusal `query_forbidden` when the server refuses the query before it runs; ServiceFault `target` otherwise.
 */
export async function withReadOnlySession<T>(
  options: SessionOptions,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  return withSession(READ_ONLY, options, work);
}

/**
 * Runs `work` as the leased user in a session of a kind, with its first transaction begun. What `work` does not commit is
 * rolled back.
 */
export async function withSession<T>(
  kind: SessionKind,
  options: SessionOptions,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const { target, credential, signal } = options;
  signal.throwIfAborted();
  const config = connectionConfig(
    target,
    { username: credential.username, password: credential.material.password },
    `countersign ${kind.operation}`,
  );
  const client = new pg.Client(config);
  client.on('error', () => undefined); // reported by the call that fails
  let pid: number | undefined;
  let stopping: Promise<void> | undefined;
  const stop = (): void => {
    stopping = cancelAtServer(config, pid).finally(() => client.end().catch(() => undefined));
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    await client.connect();
    pid = await enter(client, kind, options);
    return await work(client);
  } catch (error) {
    // The server may still be computing what nobody will read.
    if (!(error instanceof pg.DatabaseError) && !options.quoteServer() && stopping === undefined)
      await cancelAtServer(config, pid);
    if (signal.aborted)
      throw new ServiceFault('target', `The work at ${target.name} was stopped before it was complete.`, false, {
        cause: signal.reason,
      });
    throw translate(error, kind, options);
  } finally {
    signal.removeEventListener('abort', stop);
    if (stopping === undefined) await leave(client);
    else await stopping;
  }
}

// One round trip; the settings stay when the transaction that `begin` opens is rolled back.
async function enter(
  client: pg.Client,
  { begin }: SessionKind,
  { target, ...options }: SessionOptions,
): Promise<number> {
  const answers: unknown = await client.query(
    ['BEGIN', WHO, ...settingsOf(options.timeoutMs), 'COMMIT', begin].join('; '),
  );
  const [who] = (answers as pg.QueryResult<Who>[])[1]?.rows ?? [];
  const { username } = options.credential;
  if (who?.current !== username || who.session !== username || who.superuser !== 'off') {
    throw new ServiceFault(
      'target',
      `The session at ${target.name} does not run as the leased user, or that user is a superuser.`,
      false,
    );
  }
  if (who.version < SUPPORTED_VERSION)
    throw new ServiceFault(
      'target',
      `${target.name} runs PostgreSQL ${String(who.version)}; 17 or newer is needed.`,
      false,
    );
  return who.pid;
}

interface Who {
  current: string;
  session: string;
  superuser: string;
  pid: number;
  version: number;
}

const WHO = `SELECT current_user::text AS current, session_user::text AS session, pg_catalog.current_setting('is_superuser') AS superuser,
  pg_catalog.pg_backend_pid() AS pid, pg_catalog.current_setting('server_version_num')::int4 AS version`;

function settingsOf(timeoutMs: number): string[] {
  const milliseconds = String(Math.max(1, Math.floor(timeoutMs)));
  const settings = {
    search_path: 'pg_catalog, public, pg_temp',
    statement_timeout: milliseconds,
    transaction_timeout: milliseconds,
    idle_in_transaction_session_timeout: '60000',
    lock_timeout: '10000',
    // What values look like must not depend on the server's or the role's settings.
    TimeZone: `'UTC'`,
    DateStyle: `'ISO, YMD'`,
    IntervalStyle: `'iso_8601'`,
    bytea_output: `'hex'`,
    extra_float_digits: '1',
    default_transaction_read_only: 'on',
  };
  return Object.entries(settings).map(([name, value]) => `SET ${name} = ${value}`);
}

async function leave(client: pg.Client): Promise<void> {
  // Ending the connection rolls the transaction back.
  await client.end().catch(() => undefined);
}

// The socket's end alone does not stop a query that is busy computing: a second session of the same user cancels it.
async function cancelAtServer(config: pg.ClientConfig, pid: number | undefined): Promise<void> {
  if (pid === undefined) return;
  const client = new pg.Client({
    ...config,
    connectionTimeoutMillis: CANCEL_TIMEOUT_MS,
    query_timeout: CANCEL_TIMEOUT_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    // Waits until it is gone: who reads next must see what it left.
    await client.query('SELECT pg_catalog.pg_terminate_backend($1, 1000)', [pid]);
  } catch {
    // The user may be gone already: then its revocation has ended the session.
  } finally {
    await leave(client);
  }
}

function translate(error: unknown, { refused }: SessionKind, { target, ...options }: SessionOptions): unknown {
  const quoteServer = options.quoteServer();
  if (error instanceof Refusal || error instanceof ServiceFault) return error;
  if (!(error instanceof pg.DatabaseError)) {
    if (!isConnectionError(error)) return error;
    return new ServiceFault('target', `The connection to ${target.name} failed.`, true, { cause: error });
  }
  const code = error.code ?? 'no code';
  // Classes 42 and 22 are about what was written: names, types, rights, values.
  if (quoteServer && /^(42|22)/.test(code))
    return new Refusal(
      refused.code,
      `${target.name} refuses it (${code}): ${error.message.slice(0, 300)}.`,
      refused.field,
    );
  if (code === '57P01')
    return new ServiceFault(
      'target',
      `${target.name} ended the session (57P01), as it does when the lease is revoked.`,
      false,
    );
  if (code === '57014' || code === '25P04')
    return new ServiceFault(
      'target',
      `${target.name} cancelled the query (${code}): it took longer than it may.`,
      false,
    );
  return new ServiceFault(
    'target',
    // The server's own words here are about hosts, roles and its files, not about what was asked.
    `${target.name} failed the query (SQLSTATE ${code}).`,
    /^(08|53|57)/.test(code),
    { cause: error },
  );
}

function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const hasSystemCode =
    'code' in error && typeof error.code === 'string' && /^(E[A-Z]+|ERR_TLS|ERR_SSL)/.test(error.code);
  // The driver's own errors are plain ones; what our caller threw has a name.
  return hasSystemCode || (error.name === 'Error' && /connection|timeout|terminated/i.test(error.message));
}
