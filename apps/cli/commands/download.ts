import type { Command } from 'commander';
import { existsSync } from 'node:fs';
import { downloadOutput } from '../../../src/client/download.js';
import { connectAsAgent, type AgentOptions } from '../connect.js';
import { UsageError } from '../exit-codes.js';
import { report, type CommandHost, type GlobalOptions } from '../host.js';

interface DownloadOptions extends GlobalOptions, AgentOptions {
  out: string;
}

export function addDownload({ program, context }: CommandHost): void {
  program
    .command('download')
    .description('As the agent that asked: fetch the output and check it against the receipt. Each fetch is on record.')
    .argument('<id>', "the action's id")
    .requiredOption('--out <file>', 'where to put it; must not be there yet')
    .option('--agent <id>', "the agent's id; else COUNTERSIGN_AGENT")
    .option('--key-file <file>', "the agent's private key; else COUNTERSIGN_AGENT_KEY_FILE")
    .option('--token-file <file>', 'token of an agent without a key; else COUNTERSIGN_AGENT_TOKEN_FILE')
    .action(async (actionId: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<DownloadOptions>();
      if (existsSync(options.out)) throw new UsageError(`--out: ${options.out} is already there.`);
      const { api } = await connectAsAgent(context, options);
      const downloaded = await downloadOutput(api, await api.get(actionId), options.out);
      report(context, options, { actionId, ...downloaded }, () => [
        `${downloaded.path}  ${String(downloaded.bytes)} bytes`,
        `SHA-256 ${downloaded.sha256}, as the action's outcome names it`,
      ]);
    });
}
