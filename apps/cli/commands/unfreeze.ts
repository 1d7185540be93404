import type { Command } from 'commander';
import type { Unfrozen } from '../../../src/client/answers.js';
import { visibleLine } from '../../../src/core/visible-text.js';
import { connectAsPerson } from '../connect.js';
import { report, type CommandHost, type GlobalOptions } from '../host.js';

interface UnfreezeOptions extends GlobalOptions {
  reason: string;
}

export function addUnfreeze({ program, context }: CommandHost): void {
  program
    .command('unfreeze')
    .description('Let a frozen agent act again: for people of the group that policy names.')
    .argument('<agent>', "the agent's id")
    .requiredOption('--reason <text>', 'why it may act again; goes on record')
    .action(async (agent: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<UnfreezeOptions>();
      const api = await connectAsPerson(context, options);
      const answer = await api.unfreeze(agent, options.reason);
      report(context, options, answer, () => [sentenceOf(answer)]);
    });
}

function sentenceOf({ agent, lifted }: Unfrozen): string {
  const name = visibleLine(agent);
  if (lifted.length === 0) return `Agent ${name} was not frozen.`;
  const actions = lifted.map(({ actionId }) => visibleLine(actionId)).join(', ');
  return `Agent ${name} may act again. It had been frozen for what came of ${actions}.`;
}
