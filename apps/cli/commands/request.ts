import type { Command } from 'commander';
import { z } from 'zod';
import type { GatewayApi } from '../../../src/client/api.js';
import { askedAs, makeRequest, type AgentIdentity, type MadeRequest } from '../../../src/client/identity.js';
import { fetchLogText } from '../../../src/client/log-text.js';
import { uploadSource } from '../../../src/client/upload.js';
import type { RequestInput } from '../../../src/client/requests.js';
import { parseOrRefuse } from '../../../src/core/invalid-field.js';
import { Refusal } from '../../../src/core/errors.js';
import type { Json, JsonObject } from '../../../src/core/json.js';
import { jsonObjectSchema } from '../../../src/core/schemas/primitives.js';
import { connectAsAgent, readBytes, readTextFile, type AgentOptions } from '../connect.js';
import { parseSpan } from '../durations.js';
import { exitCodeOf, UsageError } from '../exit-codes.js';
import { lookOf, report, type CommandHost, type GlobalOptions } from '../host.js';
import { renderAction } from '../render/action.js';
import { waitWithStatus } from '../wait-with-status.js';

interface RequestOptions extends GlobalOptions, AgentOptions {
  operation: string;
  param: string[];
  paramsFile?: string;
  reason: string;
  tarball?: string;
  logsFile?: string;
  link?: string;
  tainted?: boolean;
  replaces?: string;
  expiresIn?: number;
  prompterTokenFile: string[];
  schedulerTokenFile: string[];
  wait?: boolean;
  timeout?: number;
}

export function addRequest({ program, context, exit }: CommandHost): void {
  program
    .command('request')
    .description('As an agent: hand in a request for one privileged action, signed with its key or by the gateway.')
    .requiredOption('--operation <name>', 'kind of operation, e.g. database.export')
    .option('--param <key=value>', 'a parameter as text; key:=value for JSON; may be repeated', collect, [])
    .option('--params-file <file>', 'parameters as a JSON object; --param comes first')
    .option('--tarball <file>', 'upload this tar or tar.gz, and name it as the parameter source (infra.apply)')
    .requiredOption('--reason <text>', 'why; reviewers see it as your own words')
    .option('--logs-file <file>', 'log lines for the reviewers')
    .option('--link <url>', 'where the run or trace can be seen')
    .option('--tainted', 'untrusted input was read before asking: never without review')
    .option('--replaces <id>', 'your own action that was denied or expired, and that this one replaces')
    .option('--expires-in <time>', 'until it must have begun to run, e.g. 2h; at most 14d (default: 1d)', parseSpan)
    .option('--agent <id>', "the agent's id; else COUNTERSIGN_AGENT")
    .option('--key-file <file>', "the agent's private key; else COUNTERSIGN_AGENT_KEY_FILE")
    .option('--token-file <file>', 'token of an agent without a key; else COUNTERSIGN_AGENT_TOKEN_FILE')
    .option(
      '--prompter-token-file <file>',
      'token of a person who prompted the agent to ask; may be repeated',
      collect,
      [],
    )
    .option('--scheduler-token-file <file>', 'token of a person who scheduled it; may be repeated', collect, [])
    .option('--wait', 'wait until the action has ended; the exit code is the outcome')
    .option('--timeout <time>', 'with --wait: give up after this, e.g. 10m', parseSpan)
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<RequestOptions>();
      const { api, identity } = await connectAsAgent(context, options);
      const input = await readInput(options, identity.agentId);
      if (options.tarball !== undefined) input.params = await uploadInto(api, input.params, options.tarball);
      const tokens = {
        prompterTokens: await readTokens(options.prompterTokenFile, '--prompter-token-file'),
        schedulerTokens: await readTokens(options.schedulerTokenFile, '--scheduler-token-file'),
      };
      const made = await make(input, identity);
      const accepted = await api.submit(made.request, made.logs, tokens);
      const { actionId, requestDigest, joined } = askedAs(made, accepted);
      const asked = joined
        ? `Asked before, and still open: ${actionId}. Nothing new was started.`
        : `Asked: ${actionId}`;
      if (options.wait !== true) {
        report(context, options, { ...accepted, requestDigest }, () => [
          asked,
          `Wait for it with: countersign show ${actionId} --wait${asAgent(options, identity)}`,
        ]);
        return;
      }
      context.stderr.write(`${asked}\n`);
      const action = await waitWithStatus(context, { api, actionId, timeoutMs: options.timeout });
      const log = await fetchLogText(api, action);
      report(context, options, action, () => renderAction(action, log, lookOf(context)));
      if (action.outcome !== null) exit(exitCodeOf(action.outcome.status));
    });
}

/** Besides what is uploaded, `source` may name the folder in it. */
async function uploadInto(api: GatewayApi, params: JsonObject, file: string): Promise<JsonObject> {
  const { source: given = {} } = params;
  const known = z.strictObject({ folder: z.string().optional() }).safeParse(given);
  if (!known.success) throw new UsageError('--tarball: it is the source; beside it, source may hold a folder only.');
  const { kind, sha256 } = await uploadSource(api, await readBytes(file, '--tarball'));
  const { folder } = known.data;
  return { ...params, source: { kind, sha256, ...(folder !== undefined && { folder }) } };
}

/** Without these the question would be a person's. */
function asAgent({ keyFile, tokenFile }: RequestOptions, { agentId }: AgentIdentity): string {
  const key = keyFile === undefined ? '' : ` --key-file ${keyFile}`;
  const token = tokenFile === undefined ? '' : ` --token-file ${tokenFile}`;
  return ` --agent ${agentId}${key}${token}`;
}

async function readTokens(files: readonly string[], option: string): Promise<string[]> {
  const texts = await Promise.all(files.map((file) => readTextFile(file, option)));
  return texts.map((token) => token.trim());
}

async function readInput(options: RequestOptions, agent: string): Promise<RequestInput> {
  const { operation, reason, paramsFile, logsFile, link, tainted, replaces, expiresIn } = options;
  const fromFile = paramsFile === undefined ? {} : parseParams(await readTextFile(paramsFile, '--params-file'));
  return {
    agent,
    operation,
    params: { ...fromFile, ...readParams(options.param) },
    reason,
    ...(logsFile !== undefined && { logs: await readTextFile(logsFile, '--logs-file') }),
    ...(link !== undefined && { link }),
    ...(tainted !== undefined && { tainted }),
    ...(replaces !== undefined && { replaces }),
    ...(expiresIn !== undefined && { lifetimeMs: expiresIn }),
  };
}

// What is wrong before anything is sent is wrong in the command line.
async function make(input: RequestInput, identity: AgentIdentity): Promise<MadeRequest> {
  try {
    return await makeRequest(input, identity);
  } catch (error) {
    if (error instanceof Refusal) throw new UsageError(error.message);
    throw error;
  }
}

/** `key=text` and `key:=json`, each key once. */
function readParams(params: readonly string[]): JsonObject {
  const values = new Map<string, Json>();
  for (const param of params) {
    const match = /^([^=:]+)(:?=)([\s\S]*)$/.exec(param);
    const [, key = '', sign, text = ''] = match ?? [];
    if (match === null) throw new UsageError(`--param: "${param}" is neither key=value nor key:=json.`);
    if (values.has(key)) throw new UsageError(`--param: ${key} is given twice.`);
    values.set(key, sign === ':=' ? parseValue(key, text) : text);
  }
  return Object.fromEntries(values);
}

function parseValue(key: string, text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new UsageError(`--param: ${key} is not valid JSON; for text write ${key}=…`);
  }
}

function parseParams(text: string): JsonObject {
  try {
    return parseOrRefuse(jsonObjectSchema, JSON.parse(text));
  } catch {
    throw new UsageError('--params-file: it does not hold one JSON object.');
  }
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
