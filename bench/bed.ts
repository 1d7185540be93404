import { generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { parse } from 'yaml';
import { install, type Installation } from '../apps/devstack/installation/install.js';
import { openPayloads } from '../apps/payloads.js';
import { examplePolicies, writePlace, type Place } from '../apps/devstack/place.js';
import { startCountersign } from '../apps/devstack/processes.js';
import { createPortChooser } from '../apps/devstack/services/ports.js';
import type { ServiceProcess } from '../apps/devstack/services/process.js';
import { startServices, type Services } from '../apps/devstack/services/services.js';
import { createAgentSigner, type AgentSigner } from '../src/client/agent-signer.js';
import { SEARCH_ATTRIBUTE_TYPES } from '../src/contracts/search-attributes.js';
import type { ProcessName } from '../src/core/schemas/statements.js';
import { Secret } from '../src/core/secret.js';
import { createVaultClient } from '../src/vault/client.js';

/** The servers and Countersign's own processes, as both sides use them. */
export interface Bed {
  folder: string;
  services: Services;
  installation: Installation;
  place: Place;
  client: Client;
  agent: AgentSigner;
  /** Stops this process and starts it anew, with settings that differ. */
  restart(process: ProcessName, overrides: Record<string, string>): Promise<ServiceProcess>;
}

/** Both sides export the same: every row of a table of this many. */
const EXPORTED_ROWS = 1_000;
export const EXPORT_QUERY = "select id, status from orders where status <> 'none'";
export const NAMESPACE = 'countersign';

type Defer = (close: () => Promise<unknown>) => void;

/** Starts everything but the floor; `defer` is told how to stop each part. */
export async function makeBed(folder: string, defer: Defer): Promise<Bed> {
  const services = await startServices({
    logDirectory: folder,
    temporal: { namespace: NAMESPACE, searchAttributes: SEARCH_ATTRIBUTE_TYPES },
    oidc: { people: await examplePeople() },
  });
  defer(() => services.stop());
  const { temporal, vault, postgres, oidc } = services;
  const installation = await install({
    name: 'bench',
    vault: { address: vault.address, adminToken: vault.rootToken },
    postgres,
    targets: [{ name: 'orders', environment: 'production', orders: EXPORTED_ROWS }],
  });
  const agent = createAgent();
  const place = await writePlace({
    installation,
    folder,
    temporal,
    oidc,
    gateway: { port: await createPortChooser().choose('the gateway') },
    agentKeys: { [agent.agentId]: agent.publicKey.publicKey },
    // The load comes from one agent: its quota is not what is measured.
    extra: { gateway: { COUNTERSIGN_OPEN_ACTIONS_PER_AGENT: '1000' } },
  });
  const running = new Map<ProcessName, ServiceProcess>();
  const start = async (process: ProcessName, overrides: Record<string, string> = {}): Promise<ServiceProcess> => {
    const started = await startCountersign(process, { place, logFile: join(folder, `${process}.log`), overrides });
    running.set(process, started);
    return started;
  };
  defer(() => Promise.all([...running.values()].map((process) => process.stop())));
  await Promise.all((['worker', 'executor', 'notary', 'gateway'] as const).map((process) => start(process)));
  const connection = await Connection.connect({ address: temporal.address });
  defer(() => connection.close());
  return {
    folder,
    services,
    installation,
    place,
    client: new Client({
      connection,
      namespace: NAMESPACE,
      dataConverter: await openDataConverter(services, installation),
    }),
    agent,
    async restart(process, overrides) {
      await running.get(process)?.stop();
      return start(process, overrides);
    },
  };
}

/** As our processes have it. */
async function openDataConverter({ vault }: Services, installation: Installation): Promise<DataConverter> {
  const token = new Secret(vault.rootToken);
  const { dataConverter } = await openPayloads({
    vault: createVaultClient({ address: vault.address, credential: () => token }),
    transitMount: installation.vault.mounts.transit,
    encrypts: true,
    keyHours: 8,
    clock: Date.now,
  });
  return dataConverter;
}

function createAgent(): AgentSigner {
  const { privateKey } = generateKeyPairSync('ed25519', {
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return createAgentSigner({ agentId: 'export-bot', privateKey });
}

/** The people of the example bundle can sign in. */
async function examplePeople(): Promise<{ id: string; email: string; name: string }[]> {
  const { people } = parse(await readFile(join(examplePolicies, 'directory.yaml'), 'utf8')) as {
    people: { oidcSubject: string; email: string; name: string }[];
  };
  return people.map(({ oidcSubject, email, name }) => ({ id: oidcSubject, email, name }));
}
