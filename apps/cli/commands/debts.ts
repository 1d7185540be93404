import type { Command } from 'commander';
import type { DebtAnswer } from '../../../src/client/debt-answers.js';
import { visibleLine } from '../../../src/core/visible-text.js';
import { connectAsPerson } from '../connect.js';
import { lookOf, report, type CommandHost, type GlobalOptions } from '../host.js';
import type { Look } from '../render/action.js';
import { instant, relative } from '../render/time.js';

export function addDebts({ program, context }: CommandHost): void {
  program
    .command('debts')
    .description('List broken glasses that were not reviewed yet. While there is one, nobody breaks the glass again.')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const api = await connectAsPerson(context, options);
      const list = await api.debts();
      const look = lookOf(context);
      report(context, options, list, () => [
        ...(list.debts.length === 0 ? ['Nothing is owed.'] : list.debts.flatMap((debt) => linesOf(debt, look))),
        ...list.unreadable.map((id) =>
          look.style.red(
            `The record of action ${visibleLine(id)} was tampered with: nobody can tell what is owed for it.`,
          ),
        ),
      ]);
    });
}

function linesOf(debt: DebtAnswer, { style, nowMs }: Pick<Look, 'style' | 'nowMs'>): string[] {
  const { actionId, agent, operation, target, by, claimedAtMs, dueAtMs, isOverdue, open, mayReview } = debt;
  const what = `${operation}${target === null ? '' : ` on ${target}`}, asked by ${agent}`;
  const due = `due ${instant(dueAtMs)} (${relative(dueAtMs, nowMs)})`;
  return [
    `${visibleLine(actionId)}  ${visibleLine(what)}`,
    `  broken by ${visibleLine(by.join(' and '))} ${relative(claimedAtMs, nowMs)}`,
    `  ${isOverdue ? style.red(`late: ${due}`) : due}`,
    `  waits for ${visibleLine(open.join(' and '))}: ${visibleLine(mayReview.join(', ')) || 'nobody is left; see docs/break-glass.md'}`,
    `  countersign retrospective ${visibleLine(actionId)} --justified|--unjustified --reason <what was found>`,
  ];
}
