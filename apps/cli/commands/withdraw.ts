import type { Command } from 'commander';
import { signWithdrawal } from '../../../src/client/requests.js';
import { connectAsAgent, type AgentOptions } from '../connect.js';
import { report, type CommandHost, type GlobalOptions } from '../host.js';

interface WithdrawOptions extends GlobalOptions, AgentOptions {
  reason: string;
}

export function addWithdraw({ program, context }: CommandHost): void {
  program
    .command('withdraw')
    .description('As an agent: take an own request back. Without effect once it runs.')
    .argument('<id>', "the action's id")
    .option('--reason <text>', 'why; on record', 'Withdrawn by the agent.')
    .option('--agent <id>', "the agent's id; else COUNTERSIGN_AGENT")
    .option('--key-file <file>', "the agent's private key; else COUNTERSIGN_AGENT_KEY_FILE")
    .action(async (actionId: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<WithdrawOptions>();
      const { api, signer } = await connectAsAgent(context, options);
      const { requestDigest } = await api.get(actionId);
      await api.withdraw(actionId, await signWithdrawal({ actionId, requestDigest, reason: options.reason }, signer));
      report(context, options, { actionId, withdrawn: true }, () => [`Withdrawn: ${actionId}`]);
    });
}
