import { rm } from 'node:fs/promises';
import { Connection } from '@temporalio/client';
import { readDevstackEnvironment } from '../environment.js';
import { locateTemporal } from './executables.js';
import { createPortChooser } from './ports.js';
import { startProcess } from './process.js';
import { serveReadableUi, type ReadableUi, type UiCodec } from './temporal-ui.js';
import { createTemporaryFolder } from './temporary-folder.js';

export type SearchAttributeType = 'Keyword' | 'KeywordList' | 'Text' | 'Int' | 'Double' | 'Bool' | 'Datetime';

export interface TemporalOptions {
  readonly port?: number;
  readonly uiPort?: number;
  /** Default 'default'. */
  readonly namespace?: string;
  /** SQLite file that outlives the server; without it everything is in memory. */
  readonly dbFile?: string;
  readonly searchAttributes: Readonly<Record<string, SearchAttributeType>>;
  /** Who makes payloads readable in the UI. Default: nobody. */
  readonly codec?: UiCodec;
  readonly logFile: string;
  /** Default: `temporal` from the PATH, else from .services. */
  readonly executable?: string;
}

export interface TemporalService {
  /** host:port of the gRPC front end. */
  readonly address: string;
  readonly namespace: string;
  readonly uiUrl: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts Temporal's development server and waits until it serves the namespace. */
export async function startTemporal(options: TemporalOptions): Promise<TemporalService> {
  const ports = createPortChooser();
  const port = await ports.choose('Temporal', options.port);
  const openPort = await ports.choose("Temporal's UI", options.uiPort);
  // Where payloads are readable, the development server's own UI stands behind.
  const uiPort = options.codec === undefined ? openPort : await ports.choose("Temporal's own UI");
  const namespace = options.namespace ?? 'default';
  const address = `127.0.0.1:${String(port)}`;
  const home = createTemporaryFolder('temporal');
  const child = await startProcess({
    name: 'Temporal',
    executable: options.executable ?? locateTemporal(readDevstackEnvironment()),
    args: commandLine(options, { port, uiPort, namespace }),
    env: { HOME: home },
    logFile: options.logFile,
  });
  let readable: ReadableUi | null = null;
  const stop = async (): Promise<void> => {
    await readable?.stop();
    await child.stop();
    await rm(home, { recursive: true, force: true });
  };
  try {
    await child.untilReady(() => servesNamespace(address, namespace));
    if (options.codec !== undefined) readable = await serveReadableUi(openPort, uiPort, options.codec);
  } catch (error) {
    await stop();
    throw error;
  }
  return { address, namespace, uiUrl: `http://127.0.0.1:${String(openPort)}`, pid: child.pid, stop };
}

function commandLine(
  options: TemporalOptions,
  { port, uiPort, namespace }: { port: number; uiPort: number; namespace: string },
): string[] {
  return [
    ...[
      'server',
      'start-dev',
      '--ip',
      '127.0.0.1',
      '--port',
      String(port),
      '--ui-ip',
      '127.0.0.1',
      '--ui-port',
      String(uiPort),
    ],
    ...['--namespace', namespace, '--log-level', 'warn'],
    // The server's default of 20 tasks a second and shard makes every activity cost 50 ms.
    ...['--dynamic-config-value', 'history.transferProcessorMaxPollRPS=1000'],
    ...(options.dbFile === undefined ? [] : ['--db-filename', options.dbFile]),
    ...Object.entries(options.searchAttributes).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
  ];
}

async function servesNamespace(address: string, namespace: string): Promise<boolean> {
  let connection: Connection | undefined;
  try {
    connection = await Connection.connect({ address, connectTimeout: 1_000 });
    await connection.withDeadline(
      Date.now() + 1_000,
      () => connection?.workflowService.describeNamespace({ namespace }) ?? Promise.reject(new Error()),
    );
    return true;
  } catch {
    return false; // not yet: the caller asks again until its time is over
  } finally {
    await connection?.close();
  }
}
