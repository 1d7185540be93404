import { describe, expect, test } from 'vitest';
import type { BreakGlass, ReviewPlan } from '../../../src/core/schemas/action.js';
import { reviewPlanSchema } from '../../../src/core/schemas/action.js';
import { describePlan, isNoStricter, strictestUnion } from '../../../src/policy/review-plan.js';

const MINUTE = 60_000;

function plan(changes: Partial<ReviewPlan> = {}): ReviewPlan {
  return {
    stages: [{ group: 'dba', quorum: 1 }],
    escalations: [],
    remindAfterMs: null,
    expireAfterMs: 120 * MINUTE,
    leaseTtlSeconds: 300,
    assurance: 'any',
    policies: ['p'],
    ...changes,
  };
}

const GLASS: BreakGlass = { stages: [{ group: 'sre', quorum: 2 }], leaseTtlSeconds: 60, reviewWithinMs: 60 * MINUTE };
const glass = (changes: Partial<BreakGlass>): BreakGlass => ({ ...GLASS, ...changes });

const automatic = plan({ stages: [], policies: ['auto'] });

const UNIONS: [string, ReviewPlan[], Partial<ReviewPlan>][] = [
  [
    'takes the larger quorum of each group',
    [
      plan({ stages: [{ group: 'dba', quorum: 2 }] }),
      plan({
        stages: [
          { group: 'owner', quorum: 1 },
          { group: 'dba', quorum: 1 },
        ],
      }),
    ],
    {
      stages: [
        { group: 'dba', quorum: 2 },
        { group: 'owner', quorum: 1 },
      ],
    },
  ],
  [
    'takes the shortest reminder, expiry and lease',
    [
      plan({ remindAfterMs: 9, expireAfterMs: 50, leaseTtlSeconds: 20 }),
      plan({ remindAfterMs: 5, expireAfterMs: 80, leaseTtlSeconds: 30 }),
    ],
    { remindAfterMs: 5, expireAfterMs: 50, leaseTtlSeconds: 20 },
  ],
  ['offers the glass if each reviewed plan does', [plan({ breakGlass: GLASS }), automatic], { breakGlass: GLASS }],
  ['offers no glass if one reviewed plan does not', [plan({ breakGlass: GLASS }), plan()], {}],
  [
    'breaks the glass by all groups, for the shortest lease, with the nearest deadline',
    [
      plan({ breakGlass: GLASS }),
      plan({ breakGlass: glass({ stages: [{ group: 'sec', quorum: 3 }], leaseTtlSeconds: 99, reviewWithinMs: 5 }) }),
      plan({ breakGlass: glass({ stages: [{ group: 'sre', quorum: 4 }] }) }),
    ],
    {
      breakGlass: {
        stages: [
          { group: 'sec', quorum: 3 },
          { group: 'sre', quorum: 4 },
        ],
        leaseTtlSeconds: 60,
        reviewWithinMs: 5,
      },
    },
  ],
  [
    'lends behind a broken glass for no longer than any of the plans',
    [plan({ breakGlass: GLASS, leaseTtlSeconds: 100 }), { ...automatic, leaseTtlSeconds: 20 }],
    { leaseTtlSeconds: 20, breakGlass: glass({ leaseTtlSeconds: 20 }) },
  ],
  ['freezes if one plan says so', [plan(), plan({ freeze: 'effect_mismatch' })], { freeze: 'effect_mismatch' }],
  ['demands the full view if one plan does', [plan(), plan({ assurance: 'web' }), plan()], { assurance: 'web' }],
  [
    'tells people in the places of all plans, the configured one among them',
    [plan({ notify: ['prod-approvals'] }), plan(), plan({ notify: ['direct', 'prod-approvals'] })],
    { notify: ['default', 'direct', 'prod-approvals'] },
  ],
  ['pages at the earliest time', [plan({ pageAfterMs: 9 }), plan(), plan({ pageAfterMs: 0 })], { pageAfterMs: 0 }],
  ['names no places where no plan does', [plan(), plan()], {}],
  ['keeps a reminder that only one plan has', [plan(), plan({ remindAfterMs: 5 })], { remindAfterMs: 5 }],
  [
    'lets an escalation group in only if all plans do, at the latest time',
    [
      plan({
        escalations: [
          { afterMs: 1, group: 'lead' },
          { afterMs: 2, group: 'oncall' },
        ],
      }),
      plan({ escalations: [{ afterMs: 9, group: 'oncall' }] }),
    ],
    { escalations: [{ afterMs: 9, group: 'oncall' }] },
  ],
  [
    'drops escalations beside a reviewed plan without any',
    [plan({ escalations: [{ afterMs: 1, group: 'lead' }] }), plan()],
    { escalations: [] },
  ],
  [
    'is reviewed if any plan is, and an automatic one takes nothing away',
    [automatic, plan({ escalations: [{ afterMs: 1, group: 'lead' }] })],
    { stages: [{ group: 'dba', quorum: 1 }], escalations: [{ afterMs: 1, group: 'lead' }] },
  ],
  ['is automatic only if all are', [automatic, automatic], { stages: [], escalations: [] }],
  [
    'names all policies, sorted, once',
    [plan({ policies: ['b', 'a'] }), plan({ policies: ['c', 'a'] })],
    { policies: ['a', 'b', 'c'] },
  ],
];

describe('the strictest union', () => {
  test.each<[string, ReviewPlan[], Partial<ReviewPlan>]>(UNIONS)('%s', (_, plans, expected) => {
    expect(strictestUnion(plans)).toMatchObject(expected);
  });

  test('of nothing is an error, not automatic', () => {
    expect(() => strictestUnion([])).toThrow(RangeError);
  });

  test.each(Array.from({ length: 60 }, (_, seed) => seed))(
    'commutes, associates and repeats without effect (seed %i)',
    (seed) => {
      const random = seeded(seed);
      const [a, b, c] = [randomPlan(random), randomPlan(random), randomPlan(random)] as const;
      const union = (...plans: ReviewPlan[]): ReviewPlan => strictestUnion(plans);
      expect(union(a, b)).toEqual(union(b, a));
      expect(union(union(a, b), c)).toEqual(union(a, union(b, c)));
      expect(union(a, b, c)).toEqual(union(union(c, a), b));
      expect(union(a, a)).toEqual(union(a));
      expect(reviewPlanSchema.parse(union(a, b, c))).toEqual(union(a, b, c));
      // The union demands at least what each of its parts does.
      for (const part of [a, b, c]) expect(isNoStricter(part, union(a, b, c))).toBe(true);
    },
  );
});

describe('what was approved still satisfies the plan now', () => {
  const lead = { afterMs: 10, group: 'lead' };
  test.each<[string, ReviewPlan, ReviewPlan, boolean]>([
    ['same plan', plan(), plan(), true],
    ['other policies, reminder and page', plan({ policies: ['q'], remindAfterMs: 1, pageAfterMs: 1 }), plan(), true],
    [
      'stages in another order',
      plan({
        stages: [
          { group: 'b', quorum: 1 },
          { group: 'a', quorum: 1 },
        ],
      }),
      plan({
        stages: [
          { group: 'a', quorum: 1 },
          { group: 'b', quorum: 1 },
        ],
      }),
      true,
    ],
    ['now automatic', automatic, plan(), true],
    ['was automatic', plan(), automatic, false],
    ['smaller quorum now', plan(), plan({ stages: [{ group: 'dba', quorum: 2 }] }), true],
    ['larger quorum now', plan({ stages: [{ group: 'dba', quorum: 2 }] }), plan(), false],
    ['another group now', plan({ stages: [{ group: 'owner', quorum: 1 }] }), plan(), false],
    ['shorter expiry now', plan({ expireAfterMs: MINUTE }), plan(), false],
    ['told elsewhere', plan({ notify: ['direct'] }), plan(), true],
    ['freeze only now', plan({ freeze: 'effect_mismatch' }), plan(), false],
    ['freeze no longer', plan(), plan({ freeze: 'effect_mismatch' }), true],
    ['the full view only now', plan({ assurance: 'web' }), plan(), false],
    ['the full view no longer', plan(), plan({ assurance: 'web' }), true],
    ['longer expiry now', plan({ expireAfterMs: 999 * MINUTE }), plan(), true],
    ['shorter lease now', plan({ leaseTtlSeconds: 60 }), plan(), false],
    ['glass no longer offered', plan(), plan({ breakGlass: GLASS }), false],
    ['glass offered only now', plan({ breakGlass: GLASS }), plan(), true],
    [
      'more people for the glass now',
      plan({ breakGlass: glass({ stages: [{ group: 'sre', quorum: 3 }] }) }),
      plan({ breakGlass: GLASS }),
      false,
    ],
    ['shorter glass now', plan({ breakGlass: glass({ leaseTtlSeconds: 30 }) }), plan({ breakGlass: GLASS }), false],
    ['longer glass now', plan({ breakGlass: glass({ leaseTtlSeconds: 90 }) }), plan({ breakGlass: GLASS }), true],
    ['nearer deadline now', plan({ breakGlass: glass({ reviewWithinMs: 1 }) }), plan({ breakGlass: GLASS }), false],
    [
      'another glass now',
      plan({ breakGlass: glass({ stages: [{ group: 'sec', quorum: 2 }] }) }),
      plan({ breakGlass: GLASS }),
      false,
    ],
    ['escalation gone', plan(), plan({ escalations: [lead] }), false],
    ['escalation later', plan({ escalations: [{ ...lead, afterMs: 20 }] }), plan({ escalations: [lead] }), false],
    ['escalation added', plan({ escalations: [lead] }), plan(), true],
  ])('%s', (_, now, approved, expected) => {
    expect(isNoStricter(now, approved)).toBe(expected);
  });
});

test.each([
  [automatic, 'Automatic, without review; must begin within 2h; lease 5m.'],
  [plan(), 'Needs 1 of dba; expires after 2h; lease 5m.'],
  [
    plan({ freeze: 'effect_mismatch' }),
    'Needs 1 of dba; expires after 2h; lease 5m; an effect other than declared freezes the agent.',
  ],
  [
    plan({ breakGlass: GLASS }),
    'Needs 1 of dba; expires after 2h; lease 5m; 2 of sre can break the glass, for 1m, reviewed within 1h.',
  ],
  [
    plan({ assurance: 'web' }),
    'Needs 1 of dba; decided in the full view only, after a fresh sign-in; expires after 2h; lease 5m.',
  ],
  [
    plan({
      stages: [
        { group: 'dba', quorum: 2 },
        { group: 'owner', quorum: 1 },
      ],
      escalations: [{ afterMs: 600_000, group: 'lead' }],
      remindAfterMs: 90_000,
      leaseTtlSeconds: 90,
    }),
    'Needs 2 of dba and 1 of owner; escalates to lead after 10m; reminds after 90s; expires after 2h; lease 90s.',
  ],
])('a plan reads as one line (%#)', (described, line) => {
  expect(describePlan(described)).toBe(line);
});

function randomPlan(random: () => number): ReviewPlan {
  const pick = (groups: string[]): string[] => groups.filter(() => random() < 0.6);
  const stages = pick(['a', 'b', 'c']).map((group) => ({ group, quorum: 1 + Math.floor(random() * 3) }));
  const escalations =
    stages.length === 0 ? [] : pick(['d', 'e', 'f']).map((group) => ({ group, afterMs: 1 + Math.floor(random() * 9) }));
  return plan({
    stages,
    escalations,
    remindAfterMs: random() < 0.5 ? null : 1 + Math.floor(random() * 9),
    expireAfterMs: 1 + Math.floor(random() * 99),
    leaseTtlSeconds: 10 + Math.floor(random() * 99),
    assurance: random() < 0.3 ? 'web' : 'any',
    policies: pick(['p', 'q', 'r', 's']),
  });
}

/** mulberry32: small, seeded, good enough to vary plans. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
