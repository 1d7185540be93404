import type { Command } from 'commander';
import { gatewayUrl } from '../connect.js';
import { createCredentialStore } from '../credentials.js';
import { credentialsFileOf } from '../environment.js';
import { report, type CommandHost, type GlobalOptions } from '../host.js';

export function addLogout({ program, context }: CommandHost): void {
  program
    .command('logout')
    .description('Forget the sign-in at the gateway. The token itself ends by its own time.')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      // Nothing is sent: a sign-in can always be forgotten.
      const gateway = gatewayUrl(context, { ...options, insecureHttp: true });
      const signedOut = await createCredentialStore(credentialsFileOf(context.environment)).remove(gateway);
      report(context, options, { gateway, signedOut }, () => [
        signedOut ? `Signed out at ${gateway}.` : `You were not signed in at ${gateway}.`,
      ]);
    });
}
