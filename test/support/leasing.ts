import { tmpdir } from 'node:os';
import pg from 'pg';
import { ServiceFault } from '../../src/core/errors.js';
import type { OperationHost } from '../../src/operations/operation.js';
import { createWitness, witnessOf } from '../../src/targets/targets.js';
import type { VaultAnswer } from '../../src/vault/client.js';
import { databaseLogin, type DatabaseLogin } from '../../src/vault/credentials/database.js';
import type { LeasedCredential, LeaseRequest, Leases, Proof } from '../../src/vault/leases.js';
import { createLeases, type LeasesOptions } from '../../src/vault/vault-leases.js';
import { installForTest, type TestInstallation, type TestProcess } from './installation.js';
import { recordRequest } from './statements.js';
import { until } from './until.js';

/** An installation whose executor leases and whose notary ends leases; and what Vault and the target know of them. */
export interface Leasing {
  installation: TestInstallation;
  gateway: TestProcess;
  executor: TestProcess;
  notary: TestProcess;
  executing: Leases;
  concluding: Leases;
  /** What the executor's leases are made of: to be made again with a part that fails. */
  executorOptions: LeasesOptions;
  notaryOptions: LeasesOptions;
  /** A lease to ask for, of a fresh action whose request is on record. */
  leaseRequest: (change?: Partial<LeaseRequest<DatabaseLogin>>) => Promise<LeaseRequest<DatabaseLogin>>;
  logIn: (credential: LeasedCredential<DatabaseLogin>) => Promise<pg.Client>;
  /** Users at the target that carry the action's id. */
  usersOf: (actionId: string) => Promise<string[]>;
  /** Accessors of living tokens that were made for the action, as Vault's administrator sees them. */
  tokensOf: (actionId: string) => Promise<string[]>;
}

/** The target is a database: its witness runs no program. */
const noPrograms: OperationHost = {
  scratchDir: tmpdir(),
  program(name) {
    throw new Error(`no ${name} here`);
  },
};

export async function startLeasing(): Promise<Leasing> {
  const installation = await installForTest();
  const [gateway, executor, notary] = await Promise.all([
    installation.become('gateway'),
    installation.become('executor'),
    installation.become('notary'),
  ]);
  const optionsOf = ({ vault, record, claims }: TestProcess) => ({ client: vault, record, claims, clock: Date.now });
  const targets = createWitness({ vault: notary.vault, clock: Date.now, host: noPrograms });
  const witness = witnessOf(targets, () => installation.targets[0]);
  const executorOptions = { ...optionsOf(executor), witness: null };
  const notaryOptions = { ...optionsOf(notary), witness };
  return {
    installation,
    gateway,
    executor,
    notary,
    executorOptions,
    notaryOptions,
    executing: recorded(createLeases(executorOptions)),
    concluding: patient(createLeases(notaryOptions)),
    leaseRequest: (change) => leaseRequest(installation, gateway, change),
    logIn: (credential) => logIn(installation, credential),
    usersOf: (actionId) => usersOf(installation, actionId),
    tokensOf: (actionId) => tokensOf(installation, actionId),
  };
}

/** As the executor hands a credential on: once its rows and statements are on record. Before, its end finds no lease to revoke. */
export function recorded(leases: Leases): Leases {
  const open: Leases['open'] = async (request) => {
    const opened = await leases.open(request);
    await opened.onRecord;
    return opened;
  };
  return { ...leases, open };
}

/**
 * The witness counts sessions of any dropped user of the server, and test files share one: a neighbour's delays our proof.
 * Only that is asked again, as production does; it still fails when the proof never comes.
 */
export function patient(leases: Leases): Leases {
  const end: Leases['end'] = async (lease) => {
    let proofs: Proof[] = [];
    await until(async () => {
      try {
        proofs = await leases.end(lease);
        return true;
      } catch (error) {
        if (error instanceof ServiceFault && error.service === 'target' && /or of a dropped one/.test(error.message))
          return false;
        throw error;
      }
    });
    return proofs;
  };
  return { ...leases, end };
}

async function leaseRequest(
  installation: TestInstallation,
  gateway: TestProcess,
  change: Partial<LeaseRequest<DatabaseLogin>> = {},
): Promise<LeaseRequest<DatabaseLogin>> {
  const { actionId, requestDigest } = await recordRequest(gateway.record, installation.agent);
  const { mounts, tokenRoles } = installation.vault;
  return {
    actionId,
    requestDigest,
    actionDigest: requestDigest,
    runId: `run-of-${actionId}`,
    step: 'run',
    purpose: 'execute',
    ...databaseLogin({ tokenRole: tokenRoles[1] ?? '', mount: mounts.database, role: 'orders-execute' }),
    target: 'orders',
    ttlSeconds: 120,
    ...change,
  };
}

async function logIn(
  { targets }: TestInstallation,
  { username, material }: LeasedCredential<DatabaseLogin>,
): Promise<pg.Client> {
  const [target] = targets;
  if (target === undefined) throw new Error('the installation has no target');
  const { host, port, database } = target;
  const client = new pg.Client({ host, port, database, user: username, password: material.password.reveal() });
  client.on('error', () => undefined); // reported by the query that fails
  await client.connect();
  return client;
}

function usersOf(installation: TestInstallation, actionId: string): Promise<string[]> {
  return installation.inTarget(async (client) => {
    const { rows } = await client.query<{ rolname: string }>(
      'select rolname from pg_roles where strpos(rolname, $1) > 0',
      [actionId.toLowerCase()],
    );
    return rows.map(({ rolname }) => rolname);
  });
}

async function tokensOf({ vaultAdmin }: TestInstallation, actionId: string): Promise<string[]> {
  const { data } = await vaultAdmin.list('auth/token/accessors');
  const found: string[] = [];
  for (const accessor of (data as { keys: string[] }).keys) {
    const token = await vaultAdmin.write('auth/token/lookup-accessor', { accessor }).catch((): VaultAnswer => ({}));
    const { meta } = (token.data ?? {}) as { meta?: { action?: string } | null };
    if (meta?.action === actionId) found.push(accessor);
  }
  return found;
}
