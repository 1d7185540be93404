import type { Budget } from '../core/schemas/action.js';
import type { OperationCatalog } from '../operations/operation.js';
import type { PermitBudgets } from '../policy/policy.js';
import type { RecentEffects } from '../record/effects.js';
import type { Record } from '../record/record.js';
import { effectsFor } from './room.js';
import { isFor, spentOf, type BudgetSubject } from './spent.js';

/** One budget in force, and how far it is spent: of one agent, one target, or both; both null where nothing is. */
export interface BudgetInForce extends Budget {
  permit: string;
  operation: string;
  agent: string | null;
  target: string | null;
  /** Within its window, with what is set aside for what runs; null where that can't be told: then nothing more begins. */
  spent: number | null;
  left: number;
}

/** The budgets of all permits, by permit and operation; what counts is read anew. */
export async function budgetsInForce(
  permits: readonly PermitBudgets[],
  operations: OperationCatalog,
  record: Pick<Record, 'effectsWithin'>,
): Promise<BudgetInForce[]> {
  const all = permits.flatMap(({ budgets }) => budgets);
  const effects = await effectsFor(record, all.length === 0 ? undefined : all);
  return permits.flatMap(({ permit, operations: names, budgets }) =>
    names.flatMap((name) => budgets.flatMap((budget) => standings(permit, name, budget, operations, effects))),
  );
}

function standings(
  permit: string,
  name: string,
  budget: Budget,
  operations: OperationCatalog,
  effects: RecentEffects,
): BudgetInForce[] {
  const operation = operations.get(name);
  const counted = operation === undefined ? [] : spentOf(budget, operation, effects);
  const subjects = new Map<string, BudgetSubject>();
  for (const { agent, target } of counted) {
    const subject = { agent, target: target ?? '' };
    const key = [budget.per === 'target' ? '' : agent, budget.per === 'agent' ? '' : subject.target].join('\0');
    if (!subjects.has(key)) subjects.set(key, subject);
  }
  const about = { permit, operation: name, ...budget };
  if (subjects.size === 0) return [{ ...about, agent: null, target: null, spent: 0, left: budget.atMost }];
  return [...subjects.values()].map((subject) => {
    const spent = counted.filter((one) => isFor(budget, subject, one)).reduce((sum, { amount }) => sum + amount, 0);
    return {
      ...about,
      agent: budget.per === 'target' ? null : subject.agent,
      target: budget.per === 'agent' ? null : subject.target,
      spent: Number.isFinite(spent) ? spent : null,
      left: Math.max(0, budget.atMost - spent),
    };
  });
}
