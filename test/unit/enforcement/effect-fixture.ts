import type { ReviewPlan } from '../../../src/core/schemas/action.js';
import type { StatementBody } from '../../../src/core/schemas/statements.js';
import { ACTION_ID, OPENED_AT_MS } from './evidence.js';

/** What the executor states of an export of far more than was approved. */
export const incident: StatementBody<'incident'> = {
  actionId: ACTION_ID,
  agent: 'export-bot',
  code: 'effect_larger_than_preview',
  severity: 'high',
  sentence: '20,000 rows were exported; the preview had said about 1.',
  openedAtMs: OPENED_AT_MS,
};

export function plan(change: Partial<ReviewPlan> = {}): ReviewPlan {
  return {
    stages: [],
    escalations: [],
    remindAfterMs: null,
    expireAfterMs: 60_000,
    leaseTtlSeconds: 60,
    assurance: 'any',
    policies: ['p'],
    ...change,
  };
}
