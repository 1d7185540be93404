import { Refusal } from '../core/errors.js';
import type { ActionRequest, Flag, ReviewPlan } from '../core/schemas/action.js';

/** The flag of a request whose agent read untrusted input before it asked: of every operation. */
export const UNTRUSTED_INPUT = 'untrusted_input';

const flag: Flag = {
  code: UNTRUSTED_INPUT,
  severity: 'medium',
  sentence: 'The agent read untrusted input before it asked: somebody else may have put this request into its mind.',
};

/** The flags of an action: those that its operation found, and the one that the request itself asks for. */
export function withTaint({ tainted }: Pick<ActionRequest, 'tainted'>, found: readonly Flag[]): Flag[] {
  const isFlagged = found.some(({ code }) => code === UNTRUSTED_INPUT);
  return tainted === true && !isFlagged ? [...found, flag] : [...found];
}

/**
 * A tainted request is never automatic, whatever policy says.
 * @throws Refusal `tainted_unreviewed` when its plan asks nobody.
 */
export function requireReviewIfTainted({ tainted }: Pick<ActionRequest, 'tainted'>, plan: ReviewPlan): void {
  if (tainted !== true || plan.stages.length > 0) return;
  throw new Refusal(
    'tainted_unreviewed',
    'The agent read untrusted input before it asked, and policy names nobody who would review this. It does not run by itself.',
    'tainted',
  );
}
