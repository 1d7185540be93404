import { Refusal } from '../core/errors.js';
import type { Budget, ReviewPlan } from '../core/schemas/action.js';
import { describeBudget } from '../policy/budgets.js';
import { NO_EFFECTS, type RecentEffects } from '../record/effects.js';
import type { Record } from '../record/record.js';
import { isFor, mostOf, spentOf, type BudgetSubject, type CountingOperation, type Spent } from './spent.js';

/** An action that would begin. */
export interface Spending extends BudgetSubject {
  actionId: string;
  operation: CountingOperation;
  params: unknown;
}

/** How one budget stands for one action. */
interface Standing {
  budget: Budget;
  /** Spent, or set aside for what runs, without this action. */
  spent: number;
  /** The most that this action may come to. */
  most: number;
  counted: Spent[];
}

/** What has to be known to count for these budgets. No query where there are none. */
export async function effectsFor(
  record: Pick<Record, 'effectsWithin'>,
  budgets: ReviewPlan['budgets'],
): Promise<RecentEffects> {
  if (budgets === undefined) return NO_EFFECTS;
  return record.effectsWithin(Math.max(...budgets.map(({ windowMs }) => windowMs)));
}

/** Why the action does not fit into one of these budgets; null when it fits into all. */
export function lackOfRoom(budgets: ReviewPlan['budgets'], action: Spending, effects: RecentEffects): Refusal | null {
  for (const budget of budgets ?? []) {
    const standing = standingOf(budget, action, effects);
    if (standing.spent + standing.most > budget.atMost) return refusalOf(standing, action);
  }
  return null;
}

/** For people: where each budget stands when this action runs and does the most that it may. */
export function describeRoom(
  budgets: NonNullable<ReviewPlan['budgets']>,
  action: Spending,
  effects: RecentEffects,
): string {
  return budgets
    .map((budget) => {
      const { spent, most } = standingOf(budget, action, effects);
      return `${number(spent + most)} of ${describeBudget(budget)}, if it comes to the most that it may (${number(most)})`;
    })
    .join('\n')
    .slice(0, 2_000);
}

function standingOf(budget: Budget, action: Spending, effects: RecentEffects): Standing {
  const counted = spentOf(budget, action.operation, effects).filter(
    (one) => one.actionId !== action.actionId && isFor(budget, action, one),
  );
  const spent = counted.reduce((sum, { amount }) => sum + amount, 0);
  return { budget, spent, most: mostOf(budget.unit, action.operation, action.params), counted };
}

function refusalOf({ budget, spent, most, counted }: Standing, { operation, agent, target }: Spending): Refusal {
  const { unit, per, atMost } = budget;
  const whose = per === 'agent' ? agent : per === 'target' ? target : `${agent} and ${target}`;
  const bound = operation.counts?.[unit]?.boundBy;
  const needed = spent + most - atMost;
  const when =
    most > atMost
      ? 'It can never fit as it is asked for'
      : `There is room for it at ${new Date(freeAtMs(counted, needed) + budget.windowMs).toISOString()} at the latest`;
  const how = bound === undefined ? '' : `, or ask for less (params.${bound})`;
  return new Refusal(
    'budget_exceeded',
    `The budget of ${describeBudget(budget)} (${whose}) has no room for it: ${number(spent)} ${unit} are spent or set aside, ` +
      `${number(Math.max(0, atMost - spent))} are left, and this may come to ${number(most)}. ${when}${how}. Nothing ran.`,
    bound === undefined ? null : `params.${bound}`,
  );
}

/** When the last of those began that have to leave the window first. */
function freeAtMs(oldestFirst: readonly Spent[], needed: number): number {
  let freed = 0;
  for (const { amount, beganAtMs } of oldestFirst) {
    freed += amount;
    if (freed >= needed) return beganAtMs;
  }
  return 0;
}

function number(count: number): string {
  return Number.isFinite(count) ? count.toLocaleString('en-US') : 'an unknown number';
}
