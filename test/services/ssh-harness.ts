import { noKeepsakes } from '../support/keepsakes.js';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ulid } from 'ulid';
import { inject } from 'vitest';
import type { JsonObject } from '../../src/core/json.js';
import type { Preview } from '../../src/core/schemas/action.js';
import { Secret } from '../../src/core/secret.js';
import { openHost } from '../../src/operations/host.js';
import { paramsSchema } from '../../src/operations/ssh-command/params.js';
import { sshCommand } from '../../src/operations/ssh-command/ssh-command.js';
import { startAgent } from '../../src/targets/ssh-host/agent.js';
import { createSshHostWitness } from '../../src/targets/ssh-host/witness.js';
import type { SshHostTarget } from '../../src/targets/ssh-host.js';
import { createVaultClient, type VaultClient } from '../../src/vault/client.js';
import { factsKeyId, type SshLogin } from '../../src/vault/credentials/ssh-certificate.js';
import type { LeasedCredential, TokenVault } from '../../src/vault/leases.js';
import { startTestHost, type TestHost } from '../support/ssh-host.js';

/** A host, and actions on it that are not leased but signed by Vault's administrator. */
export interface SshHarness {
  host: TestHost;
  admin: VaultClient;
  scratchDir: string;
  actionOf(params: object, change?: Partial<SshHostTarget>): Promise<Action>;
  outputOf(action: Action): Promise<string>;
  /** Uses a login by a client of one's own, with options of one's own. */
  asThief(login: SshLogin, args: readonly string[]): Promise<{ code: number; output: string }>;
  stop(): Promise<void>;
}

/** One action with its own certificate, as the executor runs it. */
export interface Action {
  actionId: string;
  credential: LeasedCredential<SshLogin>;
  execute(options?: {
    signal?: AbortSignal;
    beginEffect?: () => Promise<void>;
    target?: Partial<SshHostTarget>;
  }): Promise<JsonObject>;
  /** As the notary proves it; of the execution by default. */
  /** @param isNamed false: as after a crash before the credential's row. */
  end(purpose?: 'preview' | 'execute', isNamed?: boolean): Promise<void>;
}

const run = promisify(execFile);

/** Commands keep nothing between preview and run. */

export async function startSshHarness(): Promise<SshHarness> {
  const { vault } = inject('services');
  const token = new Secret(vault.adminToken);
  const admin = createVaultClient({ address: vault.address, credential: () => token });
  const host = await startTestHost(admin, `t${ulid().slice(-10).toLowerCase()}`);
  const folder = await mkdtemp(join(tmpdir(), 'countersign-ssh-'));
  const artefactsDir = join(folder, 'artefacts');
  const scratchDir = join(folder, 'scratch');
  await mkdir(artefactsDir);
  return {
    host,
    admin,
    scratchDir,
    actionOf: (params, change) => actionOf({ host, admin, artefactsDir, scratchDir }, params, change),
    outputOf: ({ actionId }) => readFile(join(artefactsDir, `${actionId}.txt`), 'utf8'),
    asThief: (login, args) => asThief(host, login, args),
    async stop() {
      await host.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Place {
  host: TestHost;
  admin: VaultClient;
  artefactsDir: string;
  scratchDir: string;
}

async function actionOf(
  { host, admin, artefactsDir, scratchDir }: Place,
  sent: object,
  change: Partial<SshHostTarget> = {},
): Promise<Action> {
  const operationHost = await openHost({
    COUNTERSIGN_SCRATCH_DIR: scratchDir,
    COUNTERSIGN_PROGRAMS: [['ssh', host.sshd.client]],
  });
  const params = paramsSchema.parse({ target: host.target.name, ...sent });
  const target = { ...host.target, ...change };
  const actionId = ulid();
  const asked = { actionId, agent: 'ops-bot', params, target };
  const need = sshCommand.credentialFor('execute', asked);
  const issued = await need.issue(admin as unknown as TokenVault);
  const leasedAtMs = Date.now();
  const credential = { ...issued, leaseIds: [], accessor: 'a', expiresAtMs: leasedAtMs + issued.seconds * 1_000 };
  const witness = createSshHostWitness({ vault: admin, clock: Date.now, host: operationHost });
  return {
    actionId,
    credential,
    execute: ({ signal = AbortSignal.timeout(120_000), beginEffect = async () => undefined, target: other } = {}) =>
      sshCommand.execute({
        ...asked,
        target: { ...target, ...other },
        credential,
        approved: {} as Preview,
        host: operationHost,
        artefactsDir,
        keepsakes: noKeepsakes,
        retainUntilMs: Date.now() + 60_000,
        progress: () => undefined,
        signal,
        beginEffect,
      }),
    async end(purpose = 'execute', isNamed = true) {
      const name = purpose === 'execute' ? issued.username : factsKeyId(actionId);
      const username = isNamed ? name : null;
      await witness.proveGone({ target, actionId, purpose, username, vaultRole: null, leasedAtMs, ttlSeconds: 300 });
    },
  };
}

async function asThief(
  host: TestHost,
  login: SshLogin,
  args: readonly string[],
): Promise<{ code: number; output: string }> {
  const place = await mkdtemp(join(tmpdir(), 'ssh-thief-'));
  const socket = join(place, 'agent');
  const agent = await startAgent(socket, login);
  const { address, port, user, hostKey, client } = host.sshd;
  await writeFile(join(place, 'hosts'), `host ${hostKey}\n`);
  const options = [
    ...['-F', 'none', '-p', String(port), '-l', user, '-o', `HostName=${address}`, '-o', 'HostKeyAlias=host'],
    ...['-o', `IdentityAgent=${socket}`, '-o', 'IdentityFile=none', '-o', 'BatchMode=yes'],
    ...['-o', `UserKnownHostsFile=${join(place, 'hosts')}`, '-o', 'GlobalKnownHostsFile=none'],
  ];
  try {
    const { stdout, stderr } = await run(client, [...options, ...args], { timeout: 15_000 });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: number; stdout?: string; stderr?: string };
    return { code: code ?? 1, output: stdout + stderr };
  } finally {
    await agent.close();
    await rm(place, { recursive: true, force: true });
  }
}
