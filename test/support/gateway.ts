import { appendFile, mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection, WorkflowNotFoundError } from '@temporalio/client';
import { inject } from 'vitest';
import { startGateway } from '../../apps/gateway/gateway.js';
import { signInByDevice } from '../../apps/devstack/services/oidc-device-sign-in.js';
import { createAgentToken } from '../../src/client/agent-token.js';
import { signRequest, type RequestInput, type SignedRequest } from '../../src/client/requests.js';
import { parseConfig } from '../../src/config/common.js';
import { gatewayConfigSchema } from '../../src/config/gateway.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import type { Envelope } from '../../src/core/dsse.js';
import type { StatementBody } from '../../src/core/schemas/statements.js';
import { bundleDigest } from '../../src/policy/bundle-files.js';
import { writeBundle } from '../../src/policy/write-bundle.js';
import { anotherExport } from './another-export.js';
import { installForTest, type TestInstallation } from './installation.js';
import { makeKey, type TestKey } from './signing.js';

/** What the gateway of a test calls itself: tokens name it; requests go to where it listens. */
export const PUBLIC_URL = 'http://countersign.test';

/** A real gateway on an installation of its own. */
export interface TestGateway {
  url: string;
  installation: TestInstallation;
  /** Settings of this installation, shared by processes. */
  settings: Record<string, string>;
  /** Keys of the agents in its bundle. */
  agents: Record<'export-bot' | 'second-bot', TestKey>;
  temporal: Client;
  /** Sends a request; a body that is not bytes or text goes as JSON. */
  send(method: string, path: string, options?: SendOptions): Promise<Answer>;
  /** A person's real access token. */
  signIn(person: string): Promise<string>;
  agentHeader(agent: 'export-bot' | 'second-bot', method: string, path: string): Promise<string>;
  sign(input?: Partial<RequestInput>, agent?: 'export-bot' | 'second-bot'): Promise<SignedRequest>;
  /** All refusals on record, oldest first. */
  refusals(): Promise<StatementBody<'refusal'>[]>;
  workflowExists(actionId: string): Promise<boolean>;
  stop(): Promise<void>;
}

export interface SendOptions {
  authorization?: string;
  headers?: Record<string, string>;
  body?: unknown;
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  json: Record<string, unknown>;
}

export interface GatewayOptions {
  /** Default: the identity provider of this run. */
  issuer?: string;
  openActionsPerAgent?: number;
  /** Further settings. */
  extra?: Record<string, string>;
}

export const QUERY = 'select id, total from orders where id < 10';

export async function startTestGateway({
  issuer,
  openActionsPerAgent = 20,
  extra = {},
}: GatewayOptions = {}): Promise<TestGateway> {
  const { temporal, oidc } = inject('services');
  const installation = await installForTest();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-gateway-'));
  const agents = { 'export-bot': installation.agent, 'second-bot': makeKey('agent/second-bot') };
  const settings = await configure(installation, folder, agents);
  const config = parseConfig(gatewayConfigSchema, {
    ...settings,
    ...(await loginOf(installation, 'gateway')),
    COUNTERSIGN_GATEWAY_PORT: '0',
    COUNTERSIGN_PUBLIC_URL: PUBLIC_URL,
    COUNTERSIGN_OIDC_ISSUER: issuer ?? oidc.issuer,
    COUNTERSIGN_OPEN_ACTIONS_PER_AGENT: String(openActionsPerAgent),
    ...extra,
  });
  const gateway = await startGateway(config);
  const connection = await Connection.connect({ address: temporal.address });
  const { dataConverter } = await installation.openPayloads();
  const client = new Client({ connection, namespace: temporal.namespace, dataConverter });
  const signed: string[] = [];
  return {
    url: gateway.url,
    installation,
    settings,
    agents,
    temporal: client,
    send: (method, path, options = {}) => send(gateway.url + path, method, options),
    signIn: (personId) =>
      signInByDevice({
        issuer: oidc.issuer,
        clientId: 'countersign-cli',
        resource: oidc.resource,
        scope: 'openid',
        personId,
      }),
    async agentHeader(agent, method, path) {
      const signer = { ...agents[agent].signer, agentId: agent, publicKey: agents[agent].publicKey };
      const use = { audience: PUBLIC_URL, method, url: PUBLIC_URL + path, nowMs: Date.now() };
      return `Countersign-Agent ${await createAgentToken(signer, use)}`;
    },
    async sign(input = {}, agent = 'export-bot') {
      const { signer, publicKey } = agents[agent];
      const params = { target: 'orders', query: QUERY, format: 'csv', ...anotherExport() };
      const asked = { agent, operation: 'database.export', params, reason: 'Monthly report', ...input };
      const request = await signRequest(asked, { ...signer, agentId: agent, publicKey });
      signed.push(request.actionId);
      return request;
    },
    refusals: () => readRefusals(installation),
    workflowExists: (actionId) => exists(client, actionId),
    async stop() {
      for (const actionId of signed)
        await client.workflow
          .getHandle(workflowIdOf(actionId))
          .terminate()
          .catch(() => null);
      await gateway.stop();
      await connection.close();
      await installation.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Settings that name one start of a process. */
async function loginOf(installation: TestInstallation, process: 'gateway' | 'worker'): Promise<Record<string, string>> {
  const { role, roleId, wrappedSecretId } = await installation.issueLogin(process);
  return {
    COUNTERSIGN_RECORD_URL: installation.recordUrls[process].reveal(),
    COUNTERSIGN_VAULT_ROLE: role,
    COUNTERSIGN_VAULT_ROLE_ID: roleId,
    COUNTERSIGN_VAULT_WRAPPED_SECRET_ID: wrappedSecretId.reveal(),
  };
}

async function configure(
  installation: TestInstallation,
  folder: string,
  agents: TestGateway['agents'],
): Promise<Record<string, string>> {
  const { temporal } = inject('services');
  const policyDir = join(folder, 'policy');
  const targets = Object.fromEntries(
    installation.targets.map(({ name, host, port, database, tls, vault }) => [
      name,
      { host, port, database, tls, vault },
    ]),
  );
  const agentKeys = { 'export-bot': agents['export-bot'].publicKey.publicKey };
  await writeBundle('policies/example', policyDir, { agentKeys, targets });
  const second = { id: 'second-bot', name: 'Second bot', owner: 'paul', prompters: ['paul'], groups: ['data-agents'] };
  const entry = JSON.stringify({ ...second, publicKey: agents['second-bot'].publicKey.publicKey });
  await appendFile(join(policyDir, 'directory.yaml'), `  - ${entry}\n`);
  const keyringFile = join(folder, 'keyring.json');
  await writeFile(keyringFile, JSON.stringify(installation.keyring));
  const artefactsDir = join(folder, 'artefacts');
  await mkdir(artefactsDir);
  return {
    COUNTERSIGN_TEMPORAL_ADDRESS: temporal.address,
    COUNTERSIGN_TEMPORAL_NAMESPACE: temporal.namespace,
    COUNTERSIGN_VAULT_ADDRESS: installation.vault.address,
    COUNTERSIGN_VAULT_APPROLE_MOUNT: installation.vault.mounts.approle,
    COUNTERSIGN_VAULT_TRANSIT_MOUNT: installation.vault.mounts.transit,
    COUNTERSIGN_POLICY_DIR: policyDir,
    COUNTERSIGN_POLICY_DIGEST: await bundleDigest(policyDir),
    COUNTERSIGN_ROOT_KEY: installation.root.publicKey,
    COUNTERSIGN_KEYRING_FILE: keyringFile,
    COUNTERSIGN_ARTEFACTS_DIR: artefactsDir,
    COUNTERSIGN_LOG_LEVEL: 'error',
  };
}

async function send(url: string, method: string, { authorization, headers, body }: SendOptions): Promise<Answer> {
  const isRaw = body instanceof Uint8Array || typeof body === 'string';
  const answer = await fetch(url, {
    method,
    redirect: 'manual',
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(authorization === undefined ? {} : { authorization }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: isRaw ? (body as string) : JSON.stringify(body) }),
  });
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.includes('json') === true;
  return {
    status: answer.status,
    headers: answer.headers,
    text,
    json: isJson ? (JSON.parse(text) as Answer['json']) : {},
  };
}

async function readRefusals(installation: TestInstallation): Promise<StatementBody<'refusal'>[]> {
  const text = "select envelope from countersign.statements where kind = 'refusal' order by sequence";
  const { rows } = await installation.inRecord((client) => client.query<{ envelope: string }>(text));
  return rows.map(({ envelope }) => {
    const { payload } = JSON.parse(envelope) as Envelope;
    const statement = JSON.parse(Buffer.from(payload, 'base64').toString()) as {
      predicate: { body: StatementBody<'refusal'> };
    };
    return statement.predicate.body;
  });
}

async function exists(client: Client, actionId: string): Promise<boolean> {
  try {
    await client.workflow.getHandle(workflowIdOf(actionId)).describe();
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
