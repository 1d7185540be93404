import { generateKeyPairSync } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAgentSigner, type AgentSigner } from '../../src/client/index.js';
import { SEARCH_ATTRIBUTE_TYPES } from '../../src/contracts/search-attributes.js';
import type { ProcessName } from '../../src/core/schemas/statements.js';
import { EXAMPLE_AGENT, EXAMPLE_TARGETS, examplePeople } from './example.js';
import { install, type Installation } from './installation/install.js';
import { writePlace, type Place } from './place.js';
import { startCountersign } from './processes.js';
import { createPortChooser } from './services/ports.js';
import { stopAll } from './services/process.js';
import { startServices, type Services } from './services/services.js';

export interface DevStackOptions {
  /** A folder of this stack's own; emptied first. */
  folder: string;
  /** Wished ports; another is taken, and said, where one is in use. */
  ports: { temporal: number; temporalUi: number; vault: number; postgres: number; oidc: number; gateway: number };
  /** Runs one step and says so while it takes long. */
  step<T>(what: string, work: () => Promise<T>): Promise<T>;
  say(message: string): void;
}

/** Real services, an installation on them, and the four processes, each a process of its own. */
export interface DevStack {
  services: Services;
  installation: Installation;
  place: Place;
  agent: AgentSigner;
  agentKeyFile: string;
  keyringFile: string;
  /** Address of an action's run in the Temporal UI. */
  runUrl(workflowId: string, runId: string): string;
  stop(): Promise<void>;
}

const TEMPORAL_NAMESPACE = 'countersign';
const PROCESSES: readonly ProcessName[] = ['worker', 'executor', 'notary', 'gateway'];

/** Starts everything; when a step fails, what was started is stopped again. */
export async function startDevStack(options: DevStackOptions): Promise<DevStack> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    // What was started last depends on what was started first.
    for (const each of stops.splice(0).reverse()) await each();
  };
  try {
    return { ...(await start(options, stops)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  { folder, ports, step, say }: DevStackOptions,
  stops: (() => Promise<void>)[],
): Promise<Omit<DevStack, 'stop'>> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const gatewayPort = await createPortChooser(say).choose('the gateway', ports.gateway);
  const services = await step('Starting Temporal, Vault, PostgreSQL and an identity provider', async () =>
    startServices({
      logDirectory: join(folder, 'logs'),
      temporal: {
        port: ports.temporal,
        uiPort: ports.temporalUi,
        namespace: TEMPORAL_NAMESPACE,
        searchAttributes: SEARCH_ATTRIBUTE_TYPES,
      },
      vault: { port: ports.vault, auditFile: join(folder, 'logs/vault-audit.log') },
      postgres: { port: ports.postgres },
      oidc: {
        port: ports.oidc,
        people: await examplePeople(),
        clients: { consoleRedirectUris: [`http://127.0.0.1:${String(gatewayPort)}/callback`] },
      },
    }),
  );
  stops.push(() => services.stop());
  const installation = await step('Setting up Vault, the databases and the keys', () =>
    install({
      name: 'countersign',
      vault: { address: services.vault.address, adminToken: services.vault.rootToken },
      postgres: { adminUrl: services.postgres.adminUrl },
      targets: EXAMPLE_TARGETS,
    }),
  );
  const { agent, agentKeyFile } = await makeAgent(folder);
  const place = await writePlace({
    installation,
    folder,
    temporal: services.temporal,
    oidc: services.oidc,
    gateway: { port: gatewayPort },
    agentKeys: { [EXAMPLE_AGENT]: agent.publicKey.publicKey },
  });
  await step('Starting gateway, worker, executor and notary', async () => {
    const started = await Promise.all(
      PROCESSES.map((process) => startCountersign(process, { place, logFile: join(folder, 'logs', `${process}.log`) })),
    );
    stops.push(() => stopAll(started.map((process) => () => process.stop())));
  });
  return {
    services,
    installation,
    place,
    agent,
    agentKeyFile,
    keyringFile: join(folder, 'keyring.json'),
    runUrl: (workflowId, runId) =>
      `${services.temporal.uiUrl}/namespaces/${TEMPORAL_NAMESPACE}/workflows/${encodeURIComponent(workflowId)}/${runId}/history`,
  };
}

/** A key for the example agent, made anew: the bundle in the repository lists one that nobody has. */
async function makeAgent(folder: string): Promise<{ agent: AgentSigner; agentKeyFile: string }> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const agentKeyFile = join(folder, `${EXAMPLE_AGENT}.pem`);
  await writeFile(agentKeyFile, pem, { mode: 0o600 });
  return { agent: createAgentSigner({ agentId: EXAMPLE_AGENT, privateKey: pem }), agentKeyFile };
}
