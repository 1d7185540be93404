import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { createAgentSigner, type AgentSigner } from '../../src/client/agent-signer.js';
import { createGatewayApi, type GatewayApi } from '../../src/client/api.js';
import { normaliseBaseUrl } from '../../src/client/base-url.js';
import { createGatewayHttp } from '../../src/client/http.js';
import { authorizeAs, createTokenFile, type AgentIdentity } from '../../src/client/identity.js';
import { Refusal } from '../../src/core/errors.js';
import { visibleLine } from '../../src/core/visible-text.js';
import type { CliContext } from './context.js';
import { createCredentialStore, type SignIn } from './credentials.js';
import { credentialsFileOf } from './environment.js';
import { UsageError } from './exit-codes.js';

/** Where to go; options of the command line, each with a setting of the environment behind it. */
export interface GatewayOption {
  gateway?: string;
  insecureHttp?: boolean;
}

/** As whom to go, for what an agent may do. */
export interface AgentOptions extends GatewayOption {
  agent?: string;
  keyFile?: string;
  tokenFile?: string;
}

/** @throws UsageError when no gateway is named, or one to which nothing may be sent in clear. */
export function gatewayUrl(context: CliContext, options: GatewayOption): string {
  const url = options.gateway ?? context.environment.COUNTERSIGN_GATEWAY_URL;
  if (url === undefined) {
    throw new UsageError('No gateway is named: give --gateway, or set COUNTERSIGN_GATEWAY_URL.');
  }
  try {
    return normaliseBaseUrl(url, { insecureHttp: mayBeInsecure(context, options) });
  } catch (error) {
    if (error instanceof Refusal && error.field === 'insecureHttp') throw new UsageError(insecureMessage(url));
    if (error instanceof Refusal) throw new UsageError(`--gateway: not an http or https address: ${url}`);
    throw error;
  }
}

/** Why nothing is sent to an `http` address of another machine, and what to do. */
export function insecureMessage(url: string): string {
  return (
    `--gateway: ${url} is not reached over TLS: your sign-in and requests would travel in clear. Give its https ` +
    'address, or --insecure-http (COUNTERSIGN_INSECURE_HTTP=true) where the network itself is trusted.'
  );
}

/** @throws UsageError when the setting says neither yes nor no. */
export function mayBeInsecure({ environment }: CliContext, { insecureHttp }: GatewayOption): boolean {
  if (insecureHttp !== undefined) return insecureHttp;
  const setting = z.stringbool().safeParse(environment.COUNTERSIGN_INSECURE_HTTP ?? 'false');
  if (!setting.success) throw new UsageError('COUNTERSIGN_INSECURE_HTTP must be true or false.');
  return setting.data;
}

/** The gateway as the person who signed in. @throws Refusal `unauthenticated` when nobody did, or the sign-in is over. */
export async function connectAsPerson(context: CliContext, options: GatewayOption): Promise<GatewayApi> {
  const baseUrl = gatewayUrl(context, options);
  const signIn = await findSignIn(context, options);
  if (signIn === null || signIn.expiresAtMs <= context.nowMs()) {
    const what = signIn === null ? 'You are not signed in' : 'Your sign-in is over';
    throw new Refusal('unauthenticated', `${what} at ${baseUrl}. Run: countersign login --gateway ${baseUrl}`);
  }
  const { accessToken } = signIn;
  const authorize = async (): Promise<string> => `Bearer ${accessToken.reveal()}`;
  return createGatewayApi(createGatewayHttp({ baseUrl, authorize, insecureHttp: mayBeInsecure(context, options) }));
}

/** The gateway as an agent, with the agent's own key or its platform's token. @throws UsageError when these are not named. */
export async function connectAsAgent(
  context: CliContext,
  options: AgentOptions,
): Promise<{ api: GatewayApi; identity: AgentIdentity }> {
  const baseUrl = gatewayUrl(context, options);
  const identity = await loadIdentity(context, options);
  const authorize = authorizeAs(identity, baseUrl);
  const insecureHttp = mayBeInsecure(context, options);
  return { api: createGatewayApi(createGatewayHttp({ baseUrl, authorize, insecureHttp })), identity };
}

/**
 * For what both may do: as the agent when the command line names one, else as the person; as the agent of the environment
 * where nobody signed in, which it says. @throws Refusal `unauthenticated` when a sign-in is over: it was a person's.
 */
export async function connectAsEither(context: CliContext, options: AgentOptions): Promise<GatewayApi> {
  const { agent, keyFile, tokenFile } = options;
  if (agent !== undefined || keyFile !== undefined || tokenFile !== undefined) {
    return (await connectAsAgent(context, options)).api;
  }
  const agentOfEnvironment = context.environment.COUNTERSIGN_AGENT;
  if (agentOfEnvironment === undefined || (await findSignIn(context, options)) !== null) {
    return connectAsPerson(context, options);
  }
  const { api } = await connectAsAgent(context, options);
  const agentId = visibleLine(agentOfEnvironment);
  context.stderr.write(`Nobody is signed in: looking as the agent ${agentId}, whom COUNTERSIGN_AGENT names.\n`);
  return api;
}

async function findSignIn(context: CliContext, options: GatewayOption): Promise<SignIn | null> {
  return createCredentialStore(credentialsFileOf(context.environment)).find(gatewayUrl(context, options));
}

async function loadIdentity({ environment }: CliContext, options: AgentOptions): Promise<AgentIdentity> {
  const agentId = options.agent ?? environment.COUNTERSIGN_AGENT;
  if (agentId === undefined) throw new UsageError('No agent is named: give --agent, or set COUNTERSIGN_AGENT.');
  const isNamed = options.keyFile !== undefined || options.tokenFile !== undefined;
  const keyFile = isNamed ? options.keyFile : environment.COUNTERSIGN_AGENT_KEY_FILE;
  const tokenFile = isNamed ? options.tokenFile : environment.COUNTERSIGN_AGENT_TOKEN_FILE;
  if (keyFile !== undefined && tokenFile !== undefined) {
    throw new UsageError('An agent comes with its key or with a token: name one file, not both.');
  }
  if (tokenFile !== undefined) {
    await readTextFile(tokenFile, '--token-file');
    return createTokenFile({ agentId, path: tokenFile });
  }
  if (keyFile === undefined) {
    throw new UsageError(
      'No key is named: give --key-file, or set COUNTERSIGN_AGENT_KEY_FILE. An agent without one: --token-file, or COUNTERSIGN_AGENT_TOKEN_FILE.',
    );
  }
  return loadSigner(agentId, keyFile);
}

async function loadSigner(agentId: string, keyFile: string): Promise<AgentSigner> {
  const privateKey = await readTextFile(keyFile, '--key-file');
  try {
    return createAgentSigner({ agentId, privateKey });
  } catch (error) {
    if (error instanceof Refusal) throw new UsageError(`${keyFile}: ${error.message}`);
    throw error;
  }
}

/** A text file that the command line names. @throws UsageError when it cannot be read. */
export async function readTextFile(path: string, option: string): Promise<string> {
  return (await readBytes(path, option)).toString('utf8');
}

/** A file that the command line names. @throws UsageError when it cannot be read. */
export async function readBytes(path: string, option: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new UsageError(`${option}: ${path} cannot be read (${reason}).`);
  }
}
