import { expect, it } from 'vitest';
import type { ReviewPlan } from '../../../src/core/schemas/action.js';
import { differenceSchema } from '../../../src/core/schemas/difference.js';
import { planDifference } from '../../../src/policy/plan-difference.js';

const PLAN: ReviewPlan = {
  stages: [{ group: 'dba', quorum: 1 }],
  escalations: [{ group: 'dba-lead', afterMs: 600_000 }],
  remindAfterMs: 300_000,
  expireAfterMs: 7_200_000,
  leaseTtlSeconds: 300,
  assurance: 'any',
  policies: ['prod-export'],
};

it.each<
  [what: string, now: Partial<ReviewPlan>, differing: readonly [label: string, before: string, now: string] | null]
>([
  ['nothing', {}, null],
  ['which policies say so, and when people are reminded', { policies: ['another'], remindAfterMs: null }, null],
  ['where people are told, and when they are paged', { notify: ['night'], pageAfterMs: 0 }, null],
  ['a larger quorum', { stages: [{ group: 'dba', quorum: 2 }] }, ['Who must approve', '1 of dba', '2 of dba']],
  [
    'one more group',
    { stages: [...PLAN.stages, { group: 'security', quorum: 1 }] },
    ['Who must approve', '1 of dba', '1 of dba and 1 of security'],
  ],
  ['nobody any more', { stages: [] }, ['Who must approve', '1 of dba', 'nobody']],
  ['no escalation', { escalations: [] }, ['Who may help after a while', 'dba-lead after 10m', 'nobody']],
  ['an earlier expiry', { expireAfterMs: 3_600_000 }, ['Expires after', '2h', '1h']],
  ['a shorter lease', { leaseTtlSeconds: 90 }, ['Lease', '5m', '90s']],
  [
    'a fresh sign-in',
    { assurance: 'web' },
    ['How people decide', 'in any channel', 'in the full view only, after a fresh sign-in'],
  ],
  ['a freeze', { freeze: 'effect_mismatch' }, ['An effect other than declared', 'freezes nobody', 'freezes the agent']],
])('a plan that demands %s', (_what, change, differing) => {
  const found = planDifference(PLAN, { ...PLAN, ...change });
  if (differing === null) expect(found).toEqual({});
  else {
    const [label, before, now] = differing;
    expect(found).toEqual({ plan: [{ label, before, now }] });
  }
});

it('is on record whole, however large the plans are; and old differences, which have none, still parse', () => {
  const large = (prefix: string): ReviewPlan => ({
    ...PLAN,
    stages: Array.from({ length: 20 }, (_, n) => ({ group: `${prefix}${String(n)}`.padEnd(63, 'x'), quorum: 20 })),
  });
  const rest = { facts: [], flagsAdded: [], flagsGone: [], itemsLeftOut: 0, content: null, contentLinesLeftOut: 0 };
  const difference = { ...planDifference(large('a'), large('b')), ...rest };
  expect(differenceSchema.parse(difference)).toEqual(difference);
  expect(difference.plan?.[0]?.before.split(' and ')).toHaveLength(20);
  expect(differenceSchema.parse(rest)).toEqual(rest);
});
