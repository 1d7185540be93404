import type { Command } from 'commander';
import type { Unfrozen } from '../../../src/client/answers.js';
import type { FreezeScope } from '../../../src/core/schemas/statements.js';
import { visibleLine } from '../../../src/core/visible-text.js';
import { connectAsPerson } from '../connect.js';
import { readScope, SCOPE_ARGUMENTS, scopeSentence } from '../freeze-scope.js';
import { report, type CommandHost, type GlobalOptions } from '../host.js';

interface UnfreezeOptions extends GlobalOptions {
  reason: string;
}

export function addUnfreeze({ program, context }: CommandHost): void {
  program
    .command('unfreeze')
    .description('Say that what is frozen may act again: for people of the group that policy names.')
    .argument('<what>', SCOPE_ARGUMENTS.what)
    .argument('[name]', SCOPE_ARGUMENTS.name)
    .requiredOption('--reason <text>', 'why it may act again; goes on record')
    .action(async (what: string, name: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<UnfreezeOptions>();
      const scope = readScope(what, name);
      const api = await connectAsPerson(context, options);
      const answer = await api.unfreeze(scope, options.reason);
      report(context, options, answer, () => linesOf(scope, answer));
    });
}

function linesOf(scope: FreezeScope, { lifted, waiting }: Unfrozen): string[] {
  const what = scopeSentence(scope);
  if (lifted.length + waiting.length === 0) return [`Nothing had frozen ${what}.`];
  const actions = lifted.flatMap(({ actionId }) => actionId ?? []);
  const because =
    actions.length === 0 ? '' : ` It had been frozen for what came of ${actions.map(visibleLine).join(', ')}.`;
  const missing = Math.max(0, ...waiting.map((one) => one.missing));
  if (missing === 0) return [`Lifted: ${what} may act again, as far as nothing else is frozen.${because}`];
  const people = missing === 1 ? 'one more person' : `${String(missing)} more people`;
  return [`Your word is on record. It is still frozen: ${people} must say so, too.${because}`];
}
