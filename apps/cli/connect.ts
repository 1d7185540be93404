import { readFile } from 'node:fs/promises';
import { createAgentSigner, type AgentSigner } from '../../src/client/agent-signer.js';
import { authorizeAsAgent } from '../../src/client/agent-token.js';
import { createGatewayApi, type GatewayApi } from '../../src/client/api.js';
import { createGatewayHttp, normaliseBaseUrl } from '../../src/client/http.js';
import { Refusal } from '../../src/core/errors.js';
import type { CliContext } from './context.js';
import { createCredentialStore } from './credentials.js';
import { credentialsFileOf } from './environment.js';
import { UsageError } from './exit-codes.js';

/** Where to go; options of the command line, each with a setting of the environment behind it. */
export interface GatewayOption {
  gateway?: string;
}

/** As whom to go, for what an agent may do. */
export interface AgentOptions extends GatewayOption {
  agent?: string;
  keyFile?: string;
}

/** @throws UsageError when no gateway is named. */
export function gatewayUrl({ environment }: CliContext, { gateway }: GatewayOption): string {
  const url = gateway ?? environment.COUNTERSIGN_GATEWAY_URL;
  if (url === undefined) {
    throw new UsageError('No gateway is named: give --gateway, or set COUNTERSIGN_GATEWAY_URL.');
  }
  try {
    return normaliseBaseUrl(url);
  } catch {
    throw new UsageError(`--gateway: not an http or https address: ${url}`);
  }
}

/** The gateway as the person who signed in. @throws Refusal `unauthenticated` when nobody did, or the sign-in is over. */
export async function connectAsPerson(context: CliContext, options: GatewayOption): Promise<GatewayApi> {
  const baseUrl = gatewayUrl(context, options);
  const signIn = await createCredentialStore(credentialsFileOf(context.environment)).find(baseUrl);
  if (signIn === null || signIn.expiresAtMs <= context.nowMs()) {
    const what = signIn === null ? 'You are not signed in' : 'Your sign-in is over';
    throw new Refusal('unauthenticated', `${what} at ${baseUrl}. Run: countersign login --gateway ${baseUrl}`);
  }
  const { accessToken } = signIn;
  return createGatewayApi(createGatewayHttp({ baseUrl, authorize: async () => `Bearer ${accessToken.reveal()}` }));
}

/** The gateway as an agent, with the agent's own key. @throws UsageError when agent or key are not named. */
export async function connectAsAgent(
  context: CliContext,
  options: AgentOptions,
): Promise<{ api: GatewayApi; signer: AgentSigner }> {
  const baseUrl = gatewayUrl(context, options);
  const signer = await loadSigner(context, options);
  const api = createGatewayApi(createGatewayHttp({ baseUrl, authorize: authorizeAsAgent(signer, baseUrl) }));
  return { api, signer };
}

/** For what both may do: as the agent when the command line names one, else as the person. */
export async function connectAsEither(context: CliContext, options: AgentOptions): Promise<GatewayApi> {
  if (options.agent !== undefined || options.keyFile !== undefined) return (await connectAsAgent(context, options)).api;
  return connectAsPerson(context, options);
}

async function loadSigner({ environment }: CliContext, options: AgentOptions): Promise<AgentSigner> {
  const agentId = options.agent ?? environment.COUNTERSIGN_AGENT;
  const keyFile = options.keyFile ?? environment.COUNTERSIGN_AGENT_KEY_FILE;
  if (agentId === undefined) throw new UsageError('No agent is named: give --agent, or set COUNTERSIGN_AGENT.');
  if (keyFile === undefined) {
    throw new UsageError('No key is named: give --key-file, or set COUNTERSIGN_AGENT_KEY_FILE.');
  }
  const privateKey = await readTextFile(keyFile, '--key-file');
  try {
    return createAgentSigner({ agentId, privateKey });
  } catch (error) {
    if (error instanceof Refusal) throw new UsageError(`${keyFile}: ${error.message}`);
    throw error;
  }
}

/** A file that the command line names. @throws UsageError when it cannot be read. */
export async function readTextFile(path: string, option: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new UsageError(`${option}: ${path} cannot be read (${reason}).`);
  }
}
