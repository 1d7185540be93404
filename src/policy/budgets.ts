import type { Budget } from '../core/schemas/action.js';
import { formatDuration, parseDuration } from './duration.js';

/** What every operation counts, whatever else: itself. */
export const ACTIONS = 'actions';

const DAY_MS = 86_400_000;
const WINDOW_MS = { min: 60_000, max: 31 * DAY_MS } as const;
const SCOPES: readonly Budget['per'][] = ['agent', 'target', 'agent and target'];
const EXAMPLE = '"100000 rows/1d per agent, 20 actions/1h per target"';

/** `100000 rows/1d per agent, 20 actions/1h per target`. @param report is told what is wrong, for people. */
export function readBudgets(text: string, report: (message: string) => void): Budget[] {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.length > 20) report('@budget has more than 20 parts');
  const budgets = parts.flatMap((part) => {
    const [, count, unit = '', window = '', scope] =
      /^(\d{1,13})\s+([a-z][a-z_]{0,39})\s*\/\s*(\w+)\s+per\s+(\S.*)$/.exec(part) ?? [];
    const per = SCOPES.find((known) => known === scope?.replaceAll(/\s+/g, ' '));
    const windowMs = parseDuration(window);
    if (count === undefined || per === undefined || windowMs === null) {
      report(
        `@budget has "${part}"; write count unit/window per scope, joined by commas, e.g. ${EXAMPLE}; a scope is ${SCOPES.join(', ')}`,
      );
      return [];
    }
    if (windowMs < WINDOW_MS.min || windowMs > WINDOW_MS.max)
      report(`@budget has a window of ${window}; windows are from 1m to 31d`);
    const budget = { unit, atMost: Number(count), windowMs, per };
    if (budget.atMost < 1) report(`@budget has "${part}"; what is never allowed is a forbid`);
    return [budget];
  });
  const keys = budgets.map(keyOf);
  const twice = budgets.find((budget, index) => keys.indexOf(keyOf(budget)) !== index);
  if (twice !== undefined)
    report(
      `@budget has two counts of ${twice.unit} within ${formatDuration(twice.windowMs)} per ${twice.per}: the smaller is enough`,
    );
  return budgets.sort(byKey);
}

/** All budgets of several plans: of the same unit, window and scope the smaller. Undefined where there is none. */
export function allBudgets(lists: readonly (readonly Budget[] | undefined)[]): Budget[] | undefined {
  const tightest = new Map<string, Budget>();
  for (const budget of lists.flatMap((list) => list ?? [])) {
    const known = tightest.get(keyOf(budget));
    if (known === undefined || budget.atMost < known.atMost) tightest.set(keyOf(budget), budget);
  }
  return tightest.size === 0 ? undefined : [...tightest.values()].sort(byKey);
}

/** For people, e.g. `100,000 rows within 1d per agent`. */
export function describeBudget({ unit, atMost, windowMs, per }: Budget): string {
  return `${atMost.toLocaleString('en-US')} ${unit} within ${formatDuration(windowMs)} per ${per}`;
}

function keyOf({ unit, windowMs, per }: Budget): string {
  return `${unit} ${per} ${String(windowMs)}`;
}

function byKey(a: Budget, b: Budget): number {
  return keyOf(a) < keyOf(b) ? -1 : 1;
}
