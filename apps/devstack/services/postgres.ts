import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { createPortChooser } from './ports.js';
import { preparePostgresBinaries, serverUser, type PostgresBinaries, type ServerUser } from './postgres-binaries.js';
import { startProcess } from './process.js';
import { createTemporaryFolder, isTraversableByAll, makeTraversable } from './temporary-folder.js';

export interface PostgresOptions {
  readonly port?: number;
  /** A folder that outlives the server; without it a temporary one, removed by `stop`. */
  readonly dataDir?: string;
  /** Default: beside the data. */
  readonly logFile?: string;
}

export interface PostgresService {
  readonly host: string;
  readonly port: number;
  /** Connection URL of the superuser to the database `postgres`. */
  readonly adminUrl: string;
  readonly pid: number;
  stop(): Promise<void>;
}

const host = '127.0.0.1';

/** Starts PostgreSQL 18 on loopback, with a random superuser password, and waits until it takes queries. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresService> {
  const port = await createPortChooser().choose('PostgreSQL', options.port);
  const user = await serverUser();
  const binaries = await preparePostgresBinaries(user);
  const folder = createTemporaryFolder('postgres');
  if (user) makeTraversable(folder);
  const dataDir = options.dataDir ?? join(folder, 'data');
  const password = await initialise({ dataDir, folder, binaries, user, isDurable: options.dataDir !== undefined });
  const settings = {
    listen_addresses: host,
    max_connections: '200',
    unix_socket_directories: '',
    log_min_messages: 'warning',
  };
  const child = await startProcess({
    name: 'PostgreSQL',
    executable: binaries.postgres,
    args: [
      '-D',
      dataDir,
      '-p',
      String(port),
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    env: { LC_ALL: 'C' },
    logFile: options.logFile ?? join(folder, 'postgres.log'),
    user,
    stopSignal: 'SIGINT', // "fast": SIGTERM would wait for clients to leave
  });
  const stop = async (): Promise<void> => {
    await child.stop();
    await rm(folder, { recursive: true, force: true });
  };
  const adminUrl = `postgres://postgres:${password}@${host}:${String(port)}/postgres`;
  try {
    await child.untilReady(() => takesQueries(adminUrl));
  } catch (error) {
    await stop();
    throw error;
  }
  return { host, port, adminUrl, pid: child.pid, stop };
}

interface Cluster {
  readonly dataDir: string;
  readonly folder: string;
  readonly binaries: PostgresBinaries;
  readonly user: ServerUser | undefined;
  readonly isDurable: boolean;
}

// Returns the superuser's password, which a durable cluster keeps beside its own files.
async function initialise({ dataDir, folder, binaries, user, isDurable }: Cluster): Promise<string> {
  const keptPassword = join(dataDir, 'countersign-superuser-password');
  if (existsSync(join(dataDir, 'PG_VERSION'))) return readFile(keptPassword, 'utf8');
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  if (user) {
    if (!isTraversableByAll(join(dataDir, '..'))) {
      throw new Error(
        `PostgreSQL cannot run as root, and the user ${user.name} may not reach ${dataDir}: choose a folder whose parents others may traverse (chmod o+x).`,
      );
    }
    await chown(dataDir, user.uid, user.gid);
  }
  const password = randomBytes(24).toString('base64url');
  const passwordFile = join(folder, 'initial-password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (user) await chown(passwordFile, user.uid, user.gid);
  const locale = ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--encoding=UTF8', '--locale=C'];
  await binaries.runInitdb([
    ...[`--pgdata=${dataDir}`, '--username=postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256', ...locale],
    // A temporary cluster need not survive a power failure during its creation.
    ...(isDurable ? [] : ['--no-sync']),
  ]);
  await rm(passwordFile);
  if (isDurable) await writeFile(keptPassword, password, { mode: 0o600 });
  return password;
}

async function takesQueries(adminUrl: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: adminUrl, connectionTimeoutMillis: 1_000 });
  client.on('error', () => undefined); // reported by the call that fails
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false; // not yet: the caller asks again until its time is over
  } finally {
    await client.end();
  }
}
