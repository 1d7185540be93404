import type { Command } from 'commander';
import type { CommandHost, GlobalOptions } from '../host.js';

export function addDev({ program }: CommandHost): void {
  program
    .command('dev')
    .description('Run everything on this machine, for development: services, our processes, people to sign in as.')
    .option('--policies <folder>', 'the policy bundle to start from; else the example')
    .action(async ({ policies }: { policies?: string }, command: Command) => {
      const { json = false } = command.optsWithGlobals<GlobalOptions>();
      // Loaded only here: it brings along what an installation for agents and approvers does not have.
      const { runDev } = await import('../../devstack/dev.js');
      await runDev({ json, ...(policies !== undefined && { policies }) });
    });
}
