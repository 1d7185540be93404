import type { BudgetList } from '../../../src/client/answers.js';
import { visibleLine } from '../../../src/core/visible-text.js';
import { formatDuration } from '../../../src/policy/duration.js';
import type { Look } from './action.js';
import { block } from './layout.js';

/** Budgets, each with what is spent and left of it. */
export function renderBudgets({ budgets }: BudgetList, { width, style }: Omit<Look, 'logs'>): string[] {
  if (budgets.length === 0) return ['No budgets.'];
  return budgets.flatMap(({ permit, operation, unit, atMost, windowMs, per, agent, target, spent, left }) => {
    const whose = [agent, target].filter((name) => name !== null).map(visibleLine);
    const head = whose.length === 0 ? `each ${per}` : whose.join(' on ');
    const said =
      spent === null
        ? 'cannot be counted: nothing more begins'
        : `${number(spent)} of ${number(atMost)} ${visibleLine(unit)} within ${formatDuration(windowMs)}; ${number(left)} left`;
    return [
      `${visibleLine(operation)}  ${head}`,
      ...block(`${said} [${visibleLine(permit)}]`, { margin: '  ', width }).map((line) =>
        left === 0 ? style.red(line) : line,
      ),
    ];
  });
}

function number(count: number): string {
  return count.toLocaleString('en-US');
}
