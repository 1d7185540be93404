import { describe, expect, it, test } from 'vitest';
import { reviewPlanSchema, type Budget, type ReviewPlan } from '../../../src/core/schemas/action.js';
import { operations } from '../../../src/operations/catalog.gen.js';
import { planEffect } from '../../../src/policy/compare/answers.js';
import { planDifference } from '../../../src/policy/plan-difference.js';
import { describePlan, isNoStricter, strictestUnion } from '../../../src/policy/review-plan.js';
import { loadPolicy } from '../enforcement/evidence.js';
import { plan } from '../enforcement/effect-fixture.js';
import { editedBundle, EXAMPLE, problemsOf } from './bundle-folders.js';

const ROWS: Budget = { unit: 'rows', atMost: 100, windowMs: 86_400_000, per: 'agent' };
const ACTIONS: Budget = { unit: 'actions', atMost: 20, windowMs: 3_600_000, per: 'target' };
const of = (...budgets: Budget[]): ReviewPlan => plan({ budgets });

const within = (text: string) =>
  editedBundle([{ file: 'database-export.cedar', from: '@lease("5m")\n', to: `@lease("5m")\n@budget("${text}")\n` }]);

describe('@budget', () => {
  it('is read, sorted, into the plan', async () => {
    const policy = await loadPolicy(
      await within('100 rows/1d per agent, 20 actions/1h per target, 5 rows/1m per agent and target'),
    );
    const [staging] = policy.budgets().filter(({ permit }) => permit === 'staging-export');
    expect(staging).toEqual({
      permit: 'staging-export',
      operations: ['database.export'],
      budgets: [ACTIONS, ROWS, { ...ROWS, atMost: 5, windowMs: 60_000, per: 'agent and target' }],
    });
  });

  test.each([
    ['', '@budget has ""; write count unit/window per scope'],
    ['100 rows/1d', '@budget has "100 rows/1d"; write count unit/window per scope'],
    ['100 rows/1d per planet', '@budget has "100 rows/1d per planet"'],
    ['-1 rows/1d per agent', '@budget has "-1 rows/1d per agent"'],
    ['0 rows/1d per agent', '@budget has "0 rows/1d per agent"; what is never allowed is a forbid'],
    ['1 rows/1x per agent', '@budget has "1 rows/1x per agent"'],
    ['1 rows/30s per agent', '@budget has a window of 30s; windows are from 1m to 31d'],
    ['1 rows/32d per agent', '@budget has a window of 32d; windows are from 1m to 31d'],
    ['1 rows/1d per agent, 2 rows/24h per agent', '@budget has two counts of rows within 1d per agent'],
    ['1 row/1d per agent', '@budget counts "row" of database.export; it has "rows" (@counts in the schema)'],
  ])('"%s" does not load: file and line are named', async (text, message) => {
    const problems = await problemsOf(await within(text));
    expect(problems[0]).toMatch(/^database-export\.cedar:\d+: @budget/);
    expect(problems[0]).toContain(message);
  });

  it('counts of an operation only what the schema of the bundle says that it counts', async () => {
    const grants = [{ file: 'database-grant.cedar', from: '100 actions/1h', to: '100 rows/1h' }];
    expect((await problemsOf(await editedBundle(grants)))[0]).toContain(
      '@budget counts "rows" of database.grant; it has "actions"',
    );
  });
});

test('the schema of the example says what each operation counts', async () => {
  const { readFile } = await import('node:fs/promises');
  const schema = await readFile(`${EXAMPLE}/schema.cedarschema`, 'utf8');
  for (const [name, { counts }] of operations) {
    const [, annotations = ''] = new RegExp(`((?:@.*\\n)*)action "${name.replaceAll('.', '\\.')}" `).exec(schema) ?? [];
    const stated = /@counts\("(.*)"\)/.exec(annotations)?.[1]?.split(', ') ?? [];
    expect([name, stated]).toEqual([name, Object.keys(counts ?? {})]);
  }
});

describe('budgets of plans', () => {
  it('hold all together, of the same kind the smaller', () => {
    const union = strictestUnion([of(ROWS), plan(), of({ ...ROWS, atMost: 7 }, ACTIONS)]);
    expect(union.budgets).toEqual([ACTIONS, { ...ROWS, atMost: 7 }]);
    expect(reviewPlanSchema.parse(union)).toEqual(union);
    expect(Object.keys(strictestUnion([plan(), plan()]))).not.toContain('budgets');
  });

  test.each<[string, ReviewPlan, ReviewPlan, string]>([
    ['a new one', plan(), of(ROWS), 'tightening'],
    ['one gone', of(ROWS, ACTIONS), of(ROWS), 'loosening'],
    ['a smaller one', of(ROWS), of({ ...ROWS, atMost: 99 }), 'tightening'],
    ['a larger one', of(ROWS), of({ ...ROWS, atMost: 101 }), 'loosening'],
    ['a shorter window', of(ROWS), of({ ...ROWS, windowMs: 60_000 }), 'both'],
    ['another scope', of(ROWS), of({ ...ROWS, per: 'agent and target' }), 'both'],
    ['the same', of(ROWS), of(ROWS), 'neutral'],
  ])('%s', (_, before, after, effect) => {
    expect(planEffect(before, after)).toBe(effect);
    expect(isNoStricter(after, before)).toBe(effect === 'loosening' || effect === 'neutral');
    expect(planDifference(before, after).plan?.map(({ label }) => label)).toEqual(
      effect === 'neutral' ? undefined : ['Budget'],
    );
  });

  it('read as part of the plan', () => {
    expect(describePlan(of(ROWS))).toBe(
      'Automatic, without review; must begin within 1m; lease 1m; at most 100 rows within 1d per agent.',
    );
  });
});
