import type { Budget } from '../../../src/core/schemas/action.js';
import type { JsonObject } from '../../../src/core/json.js';
import type { BegunEffect } from '../../../src/record/effects.js';
import type { Attack } from './attacks.js';
import { lastRound, OPENED_AT_MS, OTHER_ACTION_ID, renameAll, type Facts } from './evidence.js';

const HOUR_MS = 3_600_000;

/** An export of export-bot from orders that began a minute before the review; `result` null while it runs. */
export function begunExport(
  change: Partial<BegunEffect['approved']> & { result?: JsonObject | null; params?: JsonObject } = {},
): BegunEffect {
  const { result = null, ...approved } = change;
  const outcome = { status: 'succeeded', code: 'succeeded', message: 'It ran.', ...(result !== null && { result }) };
  return {
    actionId: OTHER_ACTION_ID,
    beganAtMs: OPENED_AT_MS - 60_000,
    approved: {
      agent: 'export-bot',
      operation: 'database.export',
      params: { target: 'orders', query: 'SELECT 1', format: 'csv', maxRows: 600 },
      ...approved,
    },
    result: (result === null ? null : { body: { outcome } }) as BegunEffect['result'],
  };
}

const OTHER_TARGET = { target: 'orders-staging', query: 'SELECT 1', format: 'csv', maxRows: 600 };

// The bundle in force has no budget: what was approved under one stays under it.
const STATED: [string, Partial<Budget>, BegunEffect[]][] = [
  ['an export beside one that still runs', {}, [begunExport()]],
  ['an export behind one that came to as much', {}, [begunExport({ result: { rows: 600 } })]],
  ['an export behind one whose result says nothing of rows', {}, [begunExport({ result: { bytes: 1 } })]],
  ['an export behind one whose result claims less than nothing', {}, [begunExport({ result: { rows: -600 } })]],
  ['an export behind many small ones', {}, Array.from({ length: 60 }, () => begunExport({ result: { rows: 10 } }))],
  ['an export of an agent that used another target', {}, [begunExport({ params: OTHER_TARGET })]],
  ['an export from a target that another agent used', { per: 'target' }, [begunExport({ agent: 'other-bot' })]],
  ['an export behind its own and on the same target', { per: 'agent and target' }, [begunExport()]],
  ['an export behind one whose parameters say no more what it was', { per: 'target' }, [begunExport({ params: {} })]],
  ['an export larger than its budget', { atMost: 499 }, []],
  ['one action more than there may be', { unit: 'actions', atMost: 1 }, [begunExport({ result: { rows: 0 } })]],
  ['an export under a unit that nobody counts', { unit: 'terabytes' }, []],
];

function underBudget(facts: Facts, change: Partial<Budget>): void {
  facts.request.params = { ...facts.request.params, maxRows: change.unit === undefined ? 500 : 1 };
  const { plan } = lastRound(facts);
  plan.snapshot.params = facts.request.params;
  plan.plan = { ...plan.plan, budgets: [{ unit: 'rows', atMost: 1_000, windowMs: HOUR_MS, per: 'agent', ...change }] };
  renameAll(facts);
}

/** Attacks that have many small actions come to one large one. */
export const BUDGET_ATTACKS: readonly Attack[] = STATED.map(([what, budget, begun]) => ({
  check: 'the budgets of the plan have room for it',
  what,
  forge(facts) {
    underBudget(facts, budget);
    facts.begun = begun;
  },
  answer: 'Refusal',
  code: 'budget_exceeded',
}));
