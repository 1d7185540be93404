import { digestOf } from '../core/json.js';
import { Refusal } from '../core/errors.js';
import type { Flag, Preview } from '../core/schemas/action.js';
import type { Policy } from '../policy/policy.js';
import { isNoStricter } from '../policy/review-plan.js';
import { withTaint } from '../policy/taint.js';
import { ReviewAgain } from './evidence.js';
import type { Judgement } from './judge.js';

/**
 * Asked in the session that will run the effect: what was approved is what is there. The flags are found again here,
 * by the executor itself, so that a worker that kept some back does not choose the policy.
 * @throws ReviewAgain when the target or the risks changed, so that people look again.
 * @throws Refusal when people were shown something else, or policy forbids it.
 */
export function checkUnchanged(
  { request, plan, preview: approved, operation, target }: Judgement,
  now: { preview: Preview; flags: readonly Flag[] },
  { policy, nowMs }: { policy: Policy; nowMs: number },
): void {
  if (now.preview.fingerprint !== plan.snapshot.fingerprint) {
    const message = 'The target changed after the approval; what would run is not what was shown.';
    throw new ReviewAgain('target_changed', message);
  }
  if (digestOf(now.preview.content) !== digestOf(approved.preview.content)) {
    throw new Refusal('digest_mismatch', 'What would run is not the content that people were shown.');
  }
  const grown = operation.grew(approved.preview, now.preview);
  if (grown !== null) throw new ReviewAgain('effect_grew', grown);
  // The same risk, graver than before, is another one. Those of the moment too: what policy says of the night, it says of
  // what runs at night.
  const known = new Set(approved.flags.map(({ code, severity }) => `${code} ${severity}`));
  const found = now.flags.filter(({ code, severity }) => !known.has(`${code} ${severity}`));
  const verdict = policy.review({
    agent: request.body.agent,
    operation: request.body.operation,
    target: { kind: target.kind, name: target.name, environment: target.environment },
    flags: withTaint(request.body, [...approved.flags, ...found]),
    nowMs,
  });
  if (!verdict.allowed) throw new Refusal(verdict.code, verdict.because);
  if (!isNoStricter(verdict.plan, plan.plan)) {
    throw new ReviewAgain('plan_stricter', 'With the risks found now, policy demands more than what was approved.');
  }
}
