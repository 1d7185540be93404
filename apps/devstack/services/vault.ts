import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readDevstackEnvironment } from '../environment.js';
import { locateVault } from './executables.js';
import { createPortChooser } from './ports.js';
import { startProcess } from './process.js';
import { createTemporaryFolder } from './temporary-folder.js';

export interface VaultOptions {
  readonly port?: number;
  readonly logFile: string;
  /** Every request and response, as JSON lines, goes there when given (secrets are hashed by Vault). */
  readonly auditFile?: string;
  /** Default: COUNTERSIGN_VAULT_BIN, else `vault` from the PATH, else `bao` from .services. */
  readonly executable?: string;
}

export interface VaultService {
  readonly address: string;
  /** For configuring the server; no process of Countersign gets it. */
  readonly rootToken: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts Vault (or OpenBao) in development mode: in memory, unsealed, without TLS, on loopback only. */
export async function startVault(options: VaultOptions): Promise<VaultService> {
  const port = await createPortChooser().choose('Vault', options.port);
  const address = `http://127.0.0.1:${String(port)}`;
  const rootToken = `dev-${randomBytes(24).toString('base64url')}`;
  const home = createTemporaryFolder('vault');
  const config = join(home, 'dev.hcl');
  // OpenBao refuses audit devices through the API unless told otherwise; Vault warns of the unknown key and goes on.
  await writeFile(config, 'unsafe_allow_api_audit_creation = true\n');
  const child = await startProcess({
    name: 'Vault',
    executable: options.executable ?? locateVault(readDevstackEnvironment()),
    args: [
      'server',
      '-dev',
      '-dev-no-store-token',
      `-dev-listen-address=127.0.0.1:${String(port)}`,
      `-config=${config}`,
    ],
    // The root token by environment, not by argument: arguments are readable by every user of the machine.
    env: { HOME: home, VAULT_DEV_ROOT_TOKEN_ID: rootToken, BAO_DEV_ROOT_TOKEN_ID: rootToken },
    logFile: options.logFile,
  });
  const stop = async (): Promise<void> => {
    await child.stop();
    await rm(home, { recursive: true, force: true });
  };
  try {
    // Asked with the token: that nobody else answers on this port, and that the token is in force.
    await child.untilReady(() => acceptsToken(address, rootToken));
    if (options.auditFile !== undefined) await enableAudit(address, rootToken, options.auditFile);
  } catch (error) {
    await stop();
    throw error;
  }
  return { address, rootToken, pid: child.pid, stop };
}

async function acceptsToken(address: string, token: string): Promise<boolean> {
  try {
    const response = await fetch(`${address}/v1/auth/token/lookup-self`, {
      headers: { 'x-vault-token': token },
      redirect: 'error',
      signal: AbortSignal.timeout(1_000),
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false; // not yet: the caller asks again until its time is over
  }
}

async function enableAudit(address: string, token: string, auditFile: string): Promise<void> {
  const response = await fetch(`${address}/v1/sys/audit/file`, {
    method: 'PUT',
    headers: { 'x-vault-token': token, 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'file', options: { file_path: auditFile } }),
    redirect: 'error',
    signal: AbortSignal.timeout(5_000),
  });
  if (!response.ok)
    throw new Error(
      `Vault did not enable its audit file ${auditFile}: ${String(response.status)} ${await response.text()}`,
    );
}
