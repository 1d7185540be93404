import type { Command } from 'commander';
import { visibleLine } from '../../../src/core/visible-text.js';
import { connectAsPerson } from '../connect.js';
import { UsageError } from '../exit-codes.js';
import { report, type CommandHost, type GlobalOptions } from '../host.js';

interface RetrospectiveOptions extends GlobalOptions {
  justified?: boolean;
  unjustified?: boolean;
  reason: string;
}

export function addRetrospective({ program, context }: CommandHost): void {
  program
    .command('retrospective')
    .description('Say whether it was right to break the glass: for reviewers who did not break it.')
    .argument('<id>', "the action's id")
    .option('--justified', 'it was right')
    .option('--unjustified', 'it was not; opens an incident')
    .requiredOption('--reason <text>', 'what you found; goes on record')
    .action(async (actionId: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<RetrospectiveOptions>();
      if ((options.justified === true) === (options.unjustified === true))
        throw new UsageError('Say one of --justified and --unjustified.');
      const api = await connectAsPerson(context, options);
      const verdict = options.justified === true ? 'justified' : 'unjustified';
      const debt = await api.reviewBrokenGlass(actionId, { verdict, reason: options.reason });
      report(context, options, debt, () => [
        debt.open.length === 0
          ? 'On record. It is reviewed: the glass may be broken again.'
          : `On record. Still waiting for ${visibleLine(debt.open.join(' and '))}: ${visibleLine(debt.mayReview.join(', '))}.`,
      ]);
    });
}
