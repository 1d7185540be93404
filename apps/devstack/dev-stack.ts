import { generateKeyPairSync } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAgentSigner, type AgentSigner } from '../../src/client/index.js';
import { SEARCH_ATTRIBUTE_TYPES } from '../../src/contracts/search-attributes.js';
import type { ProcessName } from '../../src/core/schemas/statements.js';
import type { Secret } from '../../src/core/secret.js';
import { EXAMPLE_AGENT, EXAMPLE_TARGETS, exampleAgents, examplePeople } from './example.js';
import { install, type Installation } from './installation/install.js';
import { generateRootKey } from './installation/root-key.js';
import { databaseExport } from './operations/databases.js';
import type { Example, LiveOperation, Provided } from './operations/live-operation.js';
import { examplePolicyStore } from './operations/policy-store.js';
import { writePlace, type Place } from './place.js';
import { startCountersign } from './processes.js';
import { readDevstackEnvironment, type ChatSettings } from './environment.js';
import { locateHashicorpVault } from './services/executables.js';
import { createPortChooser } from './services/ports.js';
import { stopAll } from './services/process.js';
import { startServices, type Services } from './services/services.js';

export interface DevStackOptions {
  /** A folder of this stack's own; emptied first. */
  folder: string;
  /** Wished ports; another is taken, and said, where one is in use. */
  ports: { temporal: number; temporalUi: number; vault: number; postgres: number; oidc: number; gateway: number };
  /** Which operations can be asked for; none of them lacks anything. Default: `database.export` alone. */
  operations?: readonly LiveOperation[];
  /** Folder of the bundle to start from, with the example's agents and targets. Default: the example. */
  policies?: string;
  /** Settings of Slack, Teams, PagerDuty, webhooks. Default: all are off. */
  chats?: ChatSettings;
  /** Runs one step and says so while it takes long. */
  step<T>(what: string, work: () => Promise<T>): Promise<T>;
  say(message: string): void;
}

/** Real services, an installation on them, and the four processes, each a process of its own. */
export interface DevStack {
  services: Services;
  installation: Installation;
  place: Place;
  /** The first agent of the example. */
  agent: AgentSigner;
  /** File of each agent's private key, by its id. */
  agentKeyFiles: Readonly<Record<string, string>>;
  keyringFile: string;
  /** What rotating a key takes, and no process is given: the root's private key, and a token of Vault. */
  rotation: { rootKeyFile: string; vaultTokenFile: string };
  /** Something to ask for, for each operation that is on. */
  examples: readonly (Pick<LiveOperation, 'operation' | 'agent' | 'approver'> & Example)[];
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

async function start(options: DevStackOptions, stops: (() => Promise<void>)[]): Promise<Omit<DevStack, 'stop'>> {
  const { folder, ports, step, say, operations = [databaseExport], policies, chats } = options;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const gatewayPort = await createPortChooser(say).choose('the gateway', ports.gateway);
  const services = await step('Starting Temporal, Vault, PostgreSQL and an identity provider', () =>
    startStackServices(options, gatewayPort),
  );
  stops.push(() => services.stop());
  const provided = await provideAll(operations, join(folder, 'logs'), (stop) => stops.push(stop));
  const root = generateRootKey();
  const rotation = await keepForRotation(join(folder, 'root'), root.pem, services.vault.rootToken);
  const installation = await step('Setting up Vault, the databases and the keys', () =>
    install({
      root,
      name: 'countersign',
      vault: { address: services.vault.address, adminToken: services.vault.rootToken },
      postgres: { adminUrl: services.postgres.adminUrl },
      targets: EXAMPLE_TARGETS,
      further: [examplePolicyStore, ...provided.flatMap(({ target }) => (target === undefined ? [] : [target]))],
    }),
  );
  const agents = await makeAgents(folder);
  const programs = programSettings(provided);
  const place = await writePlace({
    installation,
    folder,
    temporal: services.temporal,
    oidc: services.oidc,
    gateway: { port: gatewayPort },
    agentKeys: Object.fromEntries(agents.map(({ signer }) => [signer.agentId, signer.publicKey.publicKey])),
    onlyInstalled: true,
    governsPolicy: true,
    ...(policies !== undefined && { policies }),
    extra: {
      ...programs,
      worker: { ...programs.worker, ...chats?.posting },
      notary: { ...programs.notary, ...chats?.posting, ...(await siemSettings(folder)) },
      gateway: { ...chats?.gateway, COUNTERSIGN_TEMPORAL_UI_ORIGINS: services.temporal.uiUrl },
    },
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
    agent: agentOf(agents, EXAMPLE_AGENT),
    agentKeyFiles: Object.fromEntries(agents.map(({ signer, keyFile }) => [signer.agentId, keyFile])),
    keyringFile: join(folder, 'keyring.json'),
    rotation,
    examples: provided.map(({ operation, agent, approver, example }) => ({ operation, agent, approver, ...example() })),
    runUrl: (workflowId, runId) =>
      `${services.temporal.uiUrl}/namespaces/${TEMPORAL_NAMESPACE}/workflows/${encodeURIComponent(workflowId)}/${runId}/history`,
  };
}

async function keepForRotation(folder: string, pem: Secret, token: string): Promise<DevStack['rotation']> {
  const [rootKeyFile, vaultTokenFile] = [join(folder, 'root.pem'), join(folder, 'vault-token')];
  await mkdir(folder, { mode: 0o700 });
  await writeFile(rootKeyFile, pem.reveal(), { mode: 0o600 });
  await writeFile(vaultTokenFile, token, { mode: 0o600 });
  return { rootKeyFile, vaultTokenFile };
}

async function startStackServices(
  { folder, ports, operations = [], chats }: DevStackOptions,
  gatewayPort: number,
): Promise<Services> {
  const gateway = `http://127.0.0.1:${String(gatewayPort)}`;
  // People may reach the gateway by another address, where a chat's links lead.
  const addresses = new Set([gateway, ...[chats?.gateway['COUNTERSIGN_PUBLIC_URL'] ?? []].flat()]);
  const needsCloud = operations.some(({ needs }) => needs === 'hashicorp-vault');
  return startServices({
    logDirectory: join(folder, 'logs'),
    temporal: {
      port: ports.temporal,
      uiPort: ports.temporalUi,
      namespace: TEMPORAL_NAMESPACE,
      searchAttributes: SEARCH_ATTRIBUTE_TYPES,
      codec: { endpoint: `${gateway}/codec`, signIn: `${gateway}/queue` },
    },
    vault: {
      port: ports.vault,
      auditFile: join(folder, 'logs/vault-audit.log'),
      ...(needsCloud && { executable: locateHashicorpVault(readDevstackEnvironment()) }),
    },
    postgres: { port: ports.postgres },
    oidc: {
      port: ports.oidc,
      people: await examplePeople(),
      clients: { consoleRedirectUris: [...addresses].map((url) => `${url.replace(/\/+$/, '')}/callback`) },
    },
  });
}

type ProvidedOperation = Pick<LiveOperation, 'operation' | 'agent' | 'approver'> & Provided;

async function provideAll(
  operations: readonly LiveOperation[],
  logFolder: string,
  defer: (stop: () => Promise<void>) => void,
): Promise<ProvidedOperation[]> {
  const provided: ProvidedOperation[] = [];
  for (const { operation, agent, approver, provide } of operations)
    provided.push({ operation, agent, approver, ...(await provide({ logFolder, defer })) });
  return provided;
}

/** Who runs what operations run: worker for previews, executor for effects, notary for proofs. */
function programSettings(provided: readonly Provided[]): Partial<Record<ProcessName, Record<string, string>>> {
  const programs = provided.flatMap((each) => Object.entries(each.programs ?? {}));
  if (programs.length === 0) return {};
  const settings = { COUNTERSIGN_PROGRAMS: programs.map(([name, path]) => `${name}=${path}`).join(',') };
  return { worker: settings, executor: settings, notary: settings };
}

/** All that happens, as events for a SIEM in a file: `siem/events.ndjson`. */
async function siemSettings(folder: string): Promise<Record<string, string>> {
  await mkdir(join(folder, 'siem'), { mode: 0o700 });
  const sink = { kind: 'ndjson-file', name: 'file', path: join(folder, 'siem', 'events.ndjson') };
  return { COUNTERSIGN_SIEM_SINKS: JSON.stringify([sink]) };
}

interface MadeAgent {
  signer: AgentSigner;
  keyFile: string;
}

/** A key for each agent of the example, made anew: the bundle in the repository lists those that nobody has. */
async function makeAgents(folder: string): Promise<MadeAgent[]> {
  const agentIds = await exampleAgents();
  return Promise.all(
    agentIds.map(async (agentId) => {
      const { privateKey } = generateKeyPairSync('ed25519');
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      const keyFile = join(folder, `${agentId}.pem`);
      await writeFile(keyFile, pem, { mode: 0o600 });
      return { signer: createAgentSigner({ agentId, privateKey: pem }), keyFile };
    }),
  );
}

function agentOf(agents: readonly MadeAgent[], agentId: string): AgentSigner {
  const found = agents.find(({ signer }) => signer.agentId === agentId);
  if (found === undefined) throw new Error(`The example bundle has no agent "${agentId}".`);
  return found.signer;
}
