import type { Flag, Outcome, ReviewPlan } from '../core/schemas/action.js';
import { gravestFirst } from '../core/severity.js';
import type { StatementBody } from '../core/schemas/statements.js';

/** What an effect came to, once what was declared is compared with what was observed. */
export interface VerifiedEffect {
  outcome: Outcome;
  incidents: StatementBody<'incident'>[];
  /** Only where the plan says so. */
  freeze: StatementBody<'freeze'> | null;
}

/** Whether a finding makes an effect another one than was declared. */
function isGrave({ severity }: Flag): boolean {
  return severity === 'high' || severity === 'critical';
}

/**
 * Judges what an operation's `checkEffect` found: a grave finding on an effect that succeeded is a mismatch. The facts of
 * the effect stay.
 */
export function verifyEffect(
  outcome: Outcome,
  findings: readonly Flag[],
  { actionId, agent, plan, nowMs }: { actionId: string; agent: string; plan: ReviewPlan; nowMs: number },
): VerifiedEffect {
  const grave = findings.filter(isGrave);
  const [worst] = gravestFirst(grave);
  if (outcome.status !== 'succeeded' || worst === undefined) return { outcome, incidents: [], freeze: null };
  const incidents = grave.map(({ code, severity, sentence }) => ({
    actionId,
    agent,
    code,
    severity,
    sentence,
    openedAtMs: nowMs,
  }));
  const freeze =
    plan.freeze === undefined ? null : { agent, because: plan.freeze, incident: worst.code, frozenAtMs: nowMs };
  return {
    outcome: { ...outcome, status: 'effect_mismatch', code: 'effect_mismatch', message: worst.sentence },
    incidents,
    freeze,
  };
}
