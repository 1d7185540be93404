import type { Budget } from '../core/schemas/action.js';
import type { Operation } from '../operations/operation.js';
import { ACTIONS } from '../policy/budgets.js';
import type { BegunEffect, RecentEffects } from '../record/effects.js';

/** Whose effects a budget counts together. */
export interface BudgetSubject {
  agent: string;
  /** Name of the target. */
  target: string;
}

/** What counts of one effect that began. */
export interface Spent {
  actionId: string;
  beganAtMs: number;
  agent: string;
  /** Null where it can't be told, from parameters of another release: then it counts for every target. */
  target: string | null;
  amount: number;
}

/** What an operation's effects count of one unit. */
export type CountingOperation = Pick<Operation, 'name' | 'paramsSchema' | 'targetName' | 'counts'>;

/**
 * What counts of each effect of this operation within the budget's window, oldest first: what it came to, where the
 * executor stated that; else the most that its parameters let it come to.
 */
export function spentOf(
  { unit, windowMs }: Pick<Budget, 'unit' | 'windowMs'>,
  operation: CountingOperation,
  { atMs, begun }: RecentEffects,
): Spent[] {
  return begun
    .filter(({ approved, beganAtMs }) => approved.operation === operation.name && beganAtMs > atMs - windowMs)
    .map((effect) => {
      const { agent, params } = effect.approved;
      const parsed = operation.paramsSchema.safeParse(params);
      return {
        actionId: effect.actionId,
        beganAtMs: effect.beganAtMs,
        agent,
        target: parsed.success ? operation.targetName(parsed.data) : null,
        amount: resultOf(unit, operation, effect) ?? (parsed.success ? mostOf(unit, operation, parsed.data) : Infinity),
      };
    });
}

/** The most that an action with these parameters may come to. Infinity of a unit that the operation does not count. */
export function mostOf(unit: string, { counts }: CountingOperation, params: unknown): number {
  return unit === ACTIONS ? 1 : (counts?.[unit]?.atMost(params) ?? Infinity);
}

/** Whether the budget counts this effect for the subject. */
export function isFor({ per }: Pick<Budget, 'per'>, subject: BudgetSubject, { agent, target }: Spent): boolean {
  const isAgents = agent === subject.agent;
  const isOnTarget = target === null || target === subject.target;
  switch (per) {
    case 'agent':
      return isAgents;
    case 'target':
      return isOnTarget;
    case 'agent and target':
      return isAgents && isOnTarget;
  }
}

/** Null where no result says. What failed half way says nothing: it counts as the most. */
function resultOf(unit: string, { counts }: CountingOperation, { result }: BegunEffect): number | null {
  if (unit === ACTIONS) return 1;
  const facts = result?.body.outcome.result;
  const amount = facts === undefined ? null : (counts?.[unit]?.of(facts) ?? null);
  return amount !== null && Number.isFinite(amount) && amount >= 0 ? amount : null;
}
