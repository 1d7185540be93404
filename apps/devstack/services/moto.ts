import { rm } from 'node:fs/promises';
import { readDevstackEnvironment } from '../environment.js';
import { locateMoto } from './executables.js';
import { createPortChooser } from './ports.js';
import { startProcess } from './process.js';
import { createTemporaryFolder } from './temporary-folder.js';

export interface MotoOptions {
  readonly port?: number;
  readonly logFile: string;
}

export interface MotoService {
  /** IAM and STS of the account 123456789012, and of every other that is asked for. */
  readonly address: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts moto, an independent implementation of AWS's APIs: in memory, on loopback only. */
export async function startMoto(options: MotoOptions): Promise<MotoService> {
  const port = await createPortChooser().choose('moto', options.port);
  const address = `http://127.0.0.1:${String(port)}`;
  const home = createTemporaryFolder('moto');
  const child = await startProcess({
    name: 'moto',
    executable: 'python3',
    args: ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)],
    env: {
      HOME: home,
      PATH: readDevstackEnvironment().searchPath,
      PYTHONPATH: locateMoto(),
      PYTHONDONTWRITEBYTECODE: '1',
    },
    logFile: options.logFile,
  });
  const stop = async (): Promise<void> => {
    await child.stop();
    await rm(home, { recursive: true, force: true });
  };
  try {
    await child.untilReady(() => answers(address));
  } catch (error) {
    await stop();
    throw error;
  }
  return { address, pid: child.pid, stop };
}

async function answers(address: string): Promise<boolean> {
  try {
    const response = await fetch(`${address}/moto-api/`, {
      redirect: 'error',
      signal: AbortSignal.timeout(1_000),
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false; // not yet: the caller asks again until its time is over
  }
}
