import type { Command } from 'commander';
import { fetchLogText } from '../../../src/client/log-text.js';
import { connectAsEither, type AgentOptions } from '../connect.js';
import { parseSpan } from '../durations.js';
import { exitCodeOf } from '../exit-codes.js';
import { lookOf, report, type CommandHost, type GlobalOptions } from '../host.js';
import { renderAction } from '../render/action.js';
import { waitWithStatus } from '../wait-with-status.js';

interface ShowOptions extends GlobalOptions, AgentOptions {
  logs?: boolean;
  wait?: boolean;
  timeout?: number;
}

export function addShow({ program, context, exit }: CommandHost): void {
  program
    .command('show')
    .description('Show one action: what will run, who is waited for, what came of it.')
    .argument('<id>', "the action's id")
    .option('--logs', "the agent's log, whole")
    .option('--wait', 'wait until it has ended; the exit code is the outcome')
    .option('--timeout <time>', 'with --wait: give up after this, e.g. 10m', parseSpan)
    .option('--agent <id>', 'look as this agent, with its key')
    .option('--key-file <file>', "the agent's private key")
    .option('--token-file <file>', 'token of an agent without a key')
    .action(async (actionId: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ShowOptions>();
      const api = await connectAsEither(context, options);
      const action =
        options.wait === true
          ? await waitWithStatus(context, { api, actionId, timeoutMs: options.timeout })
          : await api.get(actionId);
      const logs = options.logs === true ? 'all' : 'tail';
      const log = await fetchLogText(api, action);
      const result = options.logs === true ? { ...action, log } : action;
      report(context, options, result, () => renderAction(action, log, { ...lookOf(context), logs }));
      if (options.wait === true && action.outcome !== null) exit(exitCodeOf(action.outcome.status));
    });
}
