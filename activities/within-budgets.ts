import { describeRoom, effectsFor, lackOfRoom } from '../src/budgets/room.js';
import type { Admitted } from '../src/operations/admit.js';
import type { PreviewResult } from '../src/operations/operation.js';
import type { Policy } from '../src/policy/policy.js';
import type { Record } from '../src/record/record.js';

// As many as a preview may have.
const MAX_FACTS = 40;

/**
 * What is shown, with where its budgets stand; unchanged, and without a query, where policy names none.
 * @throws Refusal `budget_exceeded`, so that nobody is asked for what could not run. The executor counts again.
 */
export async function withinBudgets<Shown extends PreviewResult>(
  record: Pick<Record, 'effectsWithin'>,
  policy: Policy,
  { request, operation, target, params }: Admitted,
  { shown, nowMs }: { shown: Shown; nowMs: number },
): Promise<Shown> {
  const { actionId, agent } = request;
  const verdict = policy.review({
    agent,
    operation: request.operation,
    target: shown.target,
    flags: shown.flags,
    nowMs,
  });
  const budgets = verdict.allowed ? verdict.plan.budgets : undefined;
  if (budgets === undefined) return shown;
  const effects = await effectsFor(record, budgets);
  const action = { actionId, agent, target: target.name, operation, params };
  const lack = lackOfRoom(budgets, action, effects);
  if (lack !== null) throw lack;
  const { facts } = shown.preview;
  if (facts.length >= MAX_FACTS) return shown;
  const fact = { label: 'Budget', value: describeRoom(budgets, action, effects) };
  return { ...shown, preview: { ...shown.preview, facts: [...facts, fact] } };
}
