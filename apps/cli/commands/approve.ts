import type { Command } from 'commander';
import { decide, type DecideOptions } from '../decide.js';
import type { CommandHost } from '../host.js';

export function addApprove(host: CommandHost): void {
  host.program
    .command('approve')
    .description('Approve an action, after it was shown to you.')
    .argument('<id>', "the action's id")
    .option('--reason <text>', 'why; on record')
    .option('--break-glass', 'run it without its reviewers, where policy lets you: docs/break-glass.md')
    .option('-y, --yes', 'do not ask; the action is shown all the same')
    .action(async (actionId: string, _options: unknown, command: Command) => {
      await decide(host, { actionId, decision: 'approve', options: command.optsWithGlobals<DecideOptions>() });
    });
}
