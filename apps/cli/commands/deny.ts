import type { Command } from 'commander';
import { decide, type DecideOptions } from '../decide.js';
import type { CommandHost } from '../host.js';

export function addDeny(host: CommandHost): void {
  host.program
    .command('deny')
    .description('Deny an action. One denial ends it.')
    .argument('<id>', "the action's id")
    .requiredOption('--reason <text>', 'why; on record, and shown to the agent')
    .action(async (actionId: string, _options: unknown, command: Command) => {
      // Denying changes nothing at the target: it is not asked about twice.
      const options = { ...command.optsWithGlobals<DecideOptions>(), yes: true };
      await decide(host, { actionId, decision: 'deny', options });
    });
}
