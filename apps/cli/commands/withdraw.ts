import type { Command } from 'commander';
import { makeWithdrawal } from '../../../src/client/identity.js';
import { connectAsAgent, type AgentOptions } from '../connect.js';
import { report, type CommandHost, type GlobalOptions } from '../host.js';

interface WithdrawOptions extends GlobalOptions, AgentOptions {
  reason: string;
}

export function addWithdraw({ program, context }: CommandHost): void {
  program
    .command('withdraw')
    .description('As an agent: take an own request back, or end the action early.')
    .argument('<id>', "the action's id")
    .option('--reason <text>', 'why; on record', 'Withdrawn by the agent.')
    .option('--agent <id>', "the agent's id; else COUNTERSIGN_AGENT")
    .option('--key-file <file>', "the agent's private key; else COUNTERSIGN_AGENT_KEY_FILE")
    .option('--token-file <file>', 'token of an agent without a key; else COUNTERSIGN_AGENT_TOKEN_FILE')
    .action(async (actionId: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<WithdrawOptions>();
      const { api, identity } = await connectAsAgent(context, options);
      const { requestDigest } = await api.get(actionId);
      const withdrawal = await makeWithdrawal({ actionId, requestDigest, reason: options.reason }, identity);
      const state = await api.withdraw(actionId, withdrawal);
      report(context, options, { actionId, withdrawn: state === 'withdrawn', state }, () => [
        state === 'withdrawn' ? `Withdrawn: ${actionId}` : `It runs, and is stopped: ${actionId}`,
      ]);
    });
}
