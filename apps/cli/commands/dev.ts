import type { CommandHost } from '../host.js';

export function addDev({ program }: CommandHost): void {
  program
    .command('dev')
    .description('Run everything on this machine, for development: services, our processes, people to sign in as.')
    .action(async () => {
      // Loaded only here: it brings along what an installation for agents and approvers does not have.
      const { runDev } = await import('../../devstack/dev.js');
      await runDev({});
    });
}
