import type { ReviewPlan } from '../../src/core/schemas/action.js';

/** What policy demands of an export, where nothing else matters: one of the group `dba`. */
export const EXPORT_PLAN: ReviewPlan = {
  stages: [{ group: 'dba', quorum: 1 }],
  escalations: [],
  remindAfterMs: null,
  expireAfterMs: 7_200_000,
  leaseTtlSeconds: 300,
  assurance: 'any',
  policies: ['prod-export'],
};
