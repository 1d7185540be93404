import type { Command } from 'commander';
import { connectAsPerson } from '../connect.js';
import { readScope, SCOPE_ARGUMENTS, scopeSentence, scopeWords } from '../freeze-scope.js';
import { report, type CommandHost, type GlobalOptions } from '../host.js';

interface FreezeOptions extends GlobalOptions {
  reason: string;
}

export function addFreeze({ program, context }: CommandHost): void {
  program
    .command('freeze')
    .description('Stop an agent, an operation, or everything, at once: for every approver.')
    .argument('<what>', SCOPE_ARGUMENTS.what)
    .argument('[name]', SCOPE_ARGUMENTS.name)
    .requiredOption('--reason <text>', 'why it must stop; goes on record')
    .action(async (what: string, name: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<FreezeOptions>();
      const scope = readScope(what, name);
      const api = await connectAsPerson(context, options);
      const frozen = await api.freeze(scope, options.reason);
      report(context, options, frozen, () => [
        `Frozen: ${scopeSentence(scope)}. New requests are refused, open actions denied, and what runs is stopped.`,
        `Two people lift it: countersign unfreeze ${scopeWords(scope)} --reason <why>`,
      ]);
    });
}
