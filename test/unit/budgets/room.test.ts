import { beforeAll, describe, expect, it } from 'vitest';
import { withinBudgets } from '../../../activities/within-budgets.js';
import { budgetsInForce } from '../../../src/budgets/in-force.js';
import { lackOfRoom, type Spending } from '../../../src/budgets/room.js';
import type { Budget } from '../../../src/core/schemas/action.js';
import type { Admitted } from '../../../src/operations/admit.js';
import { operations } from '../../../src/operations/catalog.gen.js';
import type { CountingOperation } from '../../../src/budgets/spent.js';
import type { Policy } from '../../../src/policy/policy.js';
import type { BegunEffect } from '../../../src/record/effects.js';
import { renderBudgets } from '../../../apps/cli/render/budgets.js';
import { createStyle } from '../../../apps/cli/render/style.js';
import { begunExport } from '../enforcement/budget-attacks.js';
import { loadPolicy, OPENED_AT_MS } from '../enforcement/evidence.js';
import { editedBundle } from '../policy/bundle-folders.js';

const HOUR_MS = 3_600_000;
const look = { width: 100, style: createStyle(false), nowMs: OPENED_AT_MS };
const operation = operations.get('database.export') as CountingOperation;
const params = { target: 'orders', query: 'SELECT 1', format: 'csv', maxRows: 500 };
const action: Spending = {
  actionId: '01M82BEDCBHPE39GJ5Q8ZMGYDJ',
  agent: 'export-bot',
  target: 'orders',
  operation,
  params,
};
const budget: Budget = { unit: 'rows', atMost: 1_000, windowMs: HOUR_MS, per: 'agent' };
const effects = (...begun: BegunEffect[]) => ({ atMs: OPENED_AT_MS, begun });

describe('what a budget counts', () => {
  it.each<[string, Partial<Budget>, BegunEffect[]]>([
    ['nothing of what nobody did', {}, []],
    ['what it came to, not what it might have', {}, [begunExport({ result: { rows: 500 } })]],
    ['nothing of another agent', {}, [begunExport({ agent: 'other-bot' })]],
    ['nothing of another operation', {}, [begunExport({ operation: 'database.grant' })]],
    ['nothing of another target', { per: 'target' }, [begunExport({ params: { ...params, target: 'other' } })]],
    [
      'of an agent on a target neither alone',
      { per: 'agent and target' },
      [begunExport({ agent: 'other-bot' }), begunExport({ params: { ...params, target: 'other' } })],
    ],
    ['nothing from before its window', {}, [{ ...begunExport(), beganAtMs: OPENED_AT_MS - HOUR_MS }]],
    ['not the action itself', {}, [{ ...begunExport(), actionId: action.actionId }]],
  ])('%s', (_, change, begun) => {
    expect(lackOfRoom([{ ...budget, ...change }], action, effects(...begun))).toBeNull();
  });

  it('says which budget, how much is left, and when there is room', () => {
    const lack = lackOfRoom([budget], action, effects(begunExport({ result: { rows: 300 } }), begunExport()));
    expect(lack).toMatchObject({ code: 'budget_exceeded', field: 'params.maxRows' });
    expect(lack?.message).toBe(
      'The budget of 1,000 rows within 1h per agent (export-bot) has no room for it: 900 rows are spent or set aside, ' +
        '100 are left, and this may come to 500. There is room for it at 2026-11-23T09:59:00.000Z at the latest, ' +
        'or ask for less (params.maxRows). Nothing ran.',
    );
  });

  it('takes an export that names no bound as the largest that there may be', () => {
    const unbounded = { target: 'orders', query: 'SELECT 1', format: 'csv' };
    const lack = lackOfRoom([budget], { ...action, params: unbounded }, effects());
    expect(lack?.message).toContain('this may come to 1,000,000. It can never fit as it is asked for');
  });

  // A clock of the database that was put back finds what began "later", too.
  it('counts what began after now', () => {
    const later = { ...begunExport(), beganAtMs: OPENED_AT_MS + 5 * HOUR_MS };
    expect(lackOfRoom([budget], action, effects(later))).not.toBeNull();
  });
});

describe('before people are asked', () => {
  let policy: Policy;
  beforeAll(async () => {
    const to = '@review("dba:1")\n@budget("1000 rows/1h per agent, 9 actions/1d per target")';
    policy = await loadPolicy(
      await editedBundle([
        { file: 'database-export.cedar', from: '@review("dba:1")\n@escalate', to: `${to}\n@escalate` },
      ]),
    );
  });
  const request = { actionId: action.actionId, agent: 'export-bot', operation: 'database.export' };
  const admitted = { request, operation, params, target: { name: 'orders' } } as unknown as Admitted;
  const shown = {
    target: { kind: 'postgres', name: 'orders', environment: 'production' },
    preview: { summary: '', facts: [], content: { language: 'sql' as const, text: '' }, fingerprint: '', estimate: {} },
    flags: [],
  };
  const ask = async (...begun: BegunEffect[]) => {
    const record = { effectsWithin: async () => effects(...begun) };
    return withinBudgets(record, policy, admitted, { shown, nowMs: OPENED_AT_MS });
  };

  it('shows them where the budgets stand', async () => {
    expect((await ask(begunExport({ result: { rows: 100 } }))).preview.facts).toEqual([
      {
        label: 'Budget',
        value:
          '2 of 9 actions within 1d per target, if it comes to the most that it may (1)\n' +
          '600 of 1,000 rows within 1h per agent, if it comes to the most that it may (500)',
      },
    ]);
  });

  it('refuses what has no room', async () => {
    await expect(ask(begunExport())).rejects.toMatchObject({ code: 'budget_exceeded' });
  });

  it('asks the record nothing where policy names no budget', async () => {
    const none = { effectsWithin: () => Promise.reject(new Error('asked')) };
    const example = await loadPolicy('policies/example');
    expect(await withinBudgets(none, example, admitted, { shown, nowMs: OPENED_AT_MS })).toBe(shown);
  });

  it('lists what is in force, and how far it is spent', async () => {
    const record = { effectsWithin: async () => effects(begunExport({ result: { rows: 400 } })) };
    const permits = policy.budgets().filter(({ permit }) => permit === 'prod-export');
    const budgets = await budgetsInForce(permits, operations, record);
    expect(budgets).toMatchObject([
      { unit: 'actions', agent: null, target: 'orders', spent: 1, left: 8 },
      { unit: 'rows', agent: 'export-bot', target: null, spent: 400, left: 600 },
    ]);
    expect(renderBudgets({ budgets: budgets.map((one) => ({ ...one })) }, look)).toEqual([
      'database.export  orders',
      '  1 of 9 actions within 1d; 8 left [prod-export]',
      'database.export  export-bot',
      '  400 of 1,000 rows within 1h; 600 left [prod-export]',
    ]);
  });
});
