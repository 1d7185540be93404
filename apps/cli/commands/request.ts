import type { Command } from 'commander';
import type { AgentSigner } from '../../../src/client/agent-signer.js';
import { signRequest, type RequestInput } from '../../../src/client/requests.js';
import { parseOrRefuse } from '../../../src/core/invalid-field.js';
import { Refusal } from '../../../src/core/errors.js';
import type { Json, JsonObject } from '../../../src/core/json.js';
import { jsonObjectSchema } from '../../../src/core/schemas/primitives.js';
import { connectAsAgent, readTextFile, type AgentOptions } from '../connect.js';
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
  logsFile?: string;
  expiresIn?: number;
  wait?: boolean;
  timeout?: number;
}

export function addRequest({ program, context, exit }: CommandHost): void {
  program
    .command('request')
    .description('As an agent: sign a request for one privileged action and hand it in.')
    .requiredOption('--operation <name>', 'kind of operation, e.g. database.export')
    .option('--param <key=value>', 'a parameter as text; key:=value for JSON; may be repeated', collect, [])
    .option('--params-file <file>', 'parameters as a JSON object; --param comes first')
    .requiredOption('--reason <text>', 'why; reviewers see it as your own words')
    .option('--logs-file <file>', 'log lines for the reviewers')
    .option('--expires-in <time>', 'until it must have begun to run, e.g. 2h; at most 14d (default: 1d)', parseSpan)
    .option('--agent <id>', "the agent's id; else COUNTERSIGN_AGENT")
    .option('--key-file <file>', "the agent's private key; else COUNTERSIGN_AGENT_KEY_FILE")
    .option('--wait', 'wait until the action has ended; the exit code is the outcome')
    .option('--timeout <time>', 'with --wait: give up after this, e.g. 10m', parseSpan)
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<RequestOptions>();
      const { api, signer } = await connectAsAgent(context, options);
      const input = await readInput(options, signer);
      const { actionId, envelope, requestDigest } = await sign(input, signer);
      const accepted = await api.submit(envelope);
      if (options.wait !== true) {
        report(context, options, { ...accepted, requestDigest }, () => [
          `Asked: ${actionId}`,
          `Wait for it with: countersign show ${actionId} --wait${asAgent(options, signer)}`,
        ]);
        return;
      }
      context.stderr.write(`Asked: ${actionId}\n`);
      const action = await waitWithStatus(context, { api, actionId, timeoutMs: options.timeout });
      report(context, options, action, () => renderAction(action, lookOf(context)));
      if (action.outcome !== null) exit(exitCodeOf(action.outcome.status));
    });
}

/** Without these the question would be a person's. */
function asAgent({ keyFile }: RequestOptions, { agentId }: AgentSigner): string {
  return ` --agent ${agentId}${keyFile === undefined ? '' : ` --key-file ${keyFile}`}`;
}

async function readInput(options: RequestOptions, signer: AgentSigner): Promise<RequestInput> {
  const { operation, reason, paramsFile, logsFile, expiresIn } = options;
  const fromFile = paramsFile === undefined ? {} : parseParams(await readTextFile(paramsFile, '--params-file'));
  return {
    agent: signer.agentId,
    operation,
    params: { ...fromFile, ...readParams(options.param) },
    reason,
    ...(logsFile !== undefined && { logs: await readTextFile(logsFile, '--logs-file') }),
    ...(expiresIn !== undefined && { lifetimeMs: expiresIn }),
  };
}

// What is wrong before anything is sent is wrong in the command line.
async function sign(input: RequestInput, signer: AgentSigner): ReturnType<typeof signRequest> {
  try {
    return await signRequest(input, signer);
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
