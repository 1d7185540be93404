import { describe, expect, test } from 'vitest';
import { Refusal } from '../../../src/core/errors.js';
import { checks } from '../../../src/enforcement/checks.js';
import { ReviewAgain } from '../../../src/enforcement/evidence.js';
import { judge, judgeBy } from '../../../src/enforcement/judge.js';
import { EXAMPLE } from '../policy/bundle-folders.js';
import { ALARM_ATTACKS } from './alarm-attacks.js';
import { ATTACKS } from './attacks.js';
import { BUDGET_ATTACKS } from './budget-attacks.js';
import { DECISION_ATTACKS } from './decision-attacks.js';
import { ASSURANCE_ATTACKS } from './assurance-attacks.js';
import { DELEGATION_ATTACKS } from './delegation-attacks.js';
import { breakGlass, GLASS_ATTACKS } from './glass-attacks.js';
import { FREEZE_ATTACKS } from './freeze-attacks.js';
import { approve, evidenceOf, honestFacts, loadPolicy, type Facts } from './evidence.js';

const example = await loadPolicy(EXAMPLE);
const attacks = [
  ...ATTACKS,
  ...DECISION_ATTACKS,
  ...DELEGATION_ATTACKS,
  ...FREEZE_ATTACKS,
  ...ALARM_ATTACKS,
  ...ASSURANCE_ATTACKS,
  ...BUDGET_ATTACKS,
  ...GLASS_ATTACKS,
];

async function forged(forge: (facts: Facts) => void | Promise<void>): Promise<Facts> {
  const facts = honestFacts(example);
  await forge(facts);
  return facts;
}

describe('the table of attacks', () => {
  test('has at least one attack on every check, and none on a check that is not there', () => {
    const names = checks.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect([...new Set(attacks.map(({ check }) => check))].sort()).toEqual([...names].sort());
  });

  test('starts from evidence that is accepted', async () => {
    expect(await judge(evidenceOf(honestFacts(example)))).toMatchObject({ approvers: ['ben'], brokenBy: null });
  });

  test('and from a broken glass that is, which says by whom', async () => {
    expect(await judge(evidenceOf(await forged(breakGlass)))).toMatchObject({
      approvers: ['erin', 'fay'],
      brokenBy: ['erin', 'fay'],
    });
  });

  test('of what is filled besides nobody says that the glass was broken', async () => {
    const both = async (facts: Facts): Promise<void> => {
      await breakGlass(facts);
      approve(facts, 'ben');
    };
    expect(await judge(evidenceOf(await forged(both)))).toMatchObject({ brokenBy: null });
  });
});

describe.each(attacks)('$what', ({ check, forge, answer, code }) => {
  test(`is stopped: ${code}`, async () => {
    const thrown: unknown = await judge(evidenceOf(await forged(forge))).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(answer === 'Refusal' ? Refusal : ReviewAgain);
    expect(thrown).toMatchObject({ code });
  });

  test(`would go through if nobody asked whether ${check}`, async () => {
    const others = checks.filter(({ name }) => name !== check);
    expect(others.length).toBe(checks.length - 1);
    await expect(judgeBy(others, evidenceOf(await forged(forge)))).resolves.toBeDefined();
  });
});
