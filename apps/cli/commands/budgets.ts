import type { Command } from 'commander';
import { connectAsPerson } from '../connect.js';
import { lookOf, report, type CommandHost, type GlobalOptions } from '../host.js';
import { renderBudgets } from '../render/budgets.js';

interface BudgetsOptions extends GlobalOptions {
  of?: string;
}

export function addBudgets({ program, context }: CommandHost): void {
  program
    .command('budgets')
    .description('List the budgets of the policy in force, and how far each is spent.')
    .option('--of <agent>', 'only what this agent has spent')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<BudgetsOptions>();
      const api = await connectAsPerson(context, options);
      const list = await api.budgets(options.of === undefined ? {} : { agent: options.of });
      report(context, options, list, () => renderBudgets(list, lookOf(context)));
    });
}
