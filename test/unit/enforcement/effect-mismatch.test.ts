import { describe, expect, test } from 'vitest';
import type { Flag, Outcome, ReviewPlan, Severity } from '../../../src/core/schemas/action.js';
import { incident, plan } from './effect-fixture.js';
import { verifyEffect } from '../../../src/enforcement/effect-mismatch.js';

const succeeded: Outcome = { status: 'succeeded', code: 'succeeded', message: 'It ran.', result: { rows: 7 } };
const finding = (code: string, severity: Severity): Flag => ({ code, severity, sentence: `About ${code}.` });

const verify = (findings: readonly Flag[], change: { outcome?: Outcome; plan?: ReviewPlan } = {}) =>
  verifyEffect(change.outcome ?? succeeded, findings, {
    actionId: incident.actionId,
    agent: incident.agent,
    plan: change.plan ?? plan({ freeze: 'effect_mismatch' }),
    nowMs: incident.openedAtMs,
  });

describe('an effect that was verified', () => {
  test.each<[string, Flag[]]>([
    ['nothing', []],
    ['info', [finding('a_b', 'info')]],
    ['low', [finding('a_b', 'low')]],
    ['medium', [finding('a_b', 'medium'), finding('c_d', 'medium')]],
  ])('stays as it is with findings of: %s', (_, findings) => {
    expect(verify(findings)).toEqual({ outcome: succeeded, incidents: [], freeze: null });
  });

  test.each<Severity>(['high', 'critical'])(
    'is a mismatch with a finding that is %s, and keeps its facts',
    (severity) => {
      const { outcome, incidents, freeze } = verify([finding('c_d', 'low'), finding('a_b', severity)]);
      expect(outcome).toEqual({
        status: 'effect_mismatch',
        code: 'effect_mismatch',
        message: 'About a_b.',
        result: { rows: 7 },
      });
      expect(incidents).toEqual([{ ...incident, code: 'a_b', severity, sentence: 'About a_b.' }]);
      expect(freeze).toEqual({
        agent: incident.agent,
        because: 'effect_mismatch',
        incident: 'a_b',
        frozenAtMs: incident.openedAtMs,
      });
    },
  );

  test('opens an incident for each grave finding, and the gravest one speaks for them', () => {
    const { outcome, incidents, freeze } = verify([
      finding('a_b', 'high'),
      finding('c_d', 'critical'),
      finding('e_f', 'critical'),
    ]);
    expect(incidents.map(({ code }) => code)).toEqual(['a_b', 'c_d', 'e_f']);
    expect([outcome.message, freeze?.because === 'effect_mismatch' && freeze.incident]).toEqual(['About c_d.', 'c_d']);
  });

  test('freezes nobody when the plan does not say so', () => {
    expect(verify([finding('a_b', 'critical')], { plan: plan() })).toMatchObject({
      outcome: { status: 'effect_mismatch' },
      incidents: [{ code: 'a_b' }],
      freeze: null,
    });
  });

  test.each<Outcome['status']>(['failed', 'unknown', 'interrupted'])('that %s is no mismatch', (status) => {
    const outcome = { status, code: status, message: 'x' };
    expect(verify([finding('a_b', 'critical')], { outcome })).toEqual({ outcome, incidents: [], freeze: null });
  });
});
