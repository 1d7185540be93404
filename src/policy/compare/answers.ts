import type { Flag, ReviewPlan, TargetRef } from '../../core/schemas/action.js';
import type { Directory } from '../../directory/directory.js';
import { DEFAULT_PLACE } from '../../directory/places.js';
import type { Policy } from '../policy.js';
import { isNoStricter } from '../review-plan.js';
import type { Answer, Effect } from './comparison.js';
import { together } from './effects.js';

/** A question about what an agent asks for. */
export interface Asked {
  agent: string;
  operation: string;
  /** As another bundle or the record names it: the environment is the asked bundle's own, where it lists the target. */
  target: TargetRef;
  flags: readonly Flag[];
  nowMs: number;
}

/** How a bundle answers: whether the agent may ask, and if so who reviews it. */
export function answerOf(policy: Policy, asked: Asked): Answer {
  const question = { ...asked, target: ownTarget(policy, asked.target) };
  const verdict = policy.mayRequest(question);
  if (!verdict.allowed) return { kind: 'refused', code: verdict.code, because: verdict.because };
  const review = policy.review(question);
  if (!review.allowed) return { kind: 'refused', code: review.code, because: review.because };
  return { kind: review.plan.stages.length === 0 ? 'automatic' : 'reviewed', plan: review.plan };
}

/** The target as this bundle lists it; as it was asked for, where it does not. */
export function ownTarget(policy: Policy, asked: TargetRef): TargetRef {
  const target = policy.target(asked.name);
  return target === undefined ? asked : { kind: target.kind, name: target.name, environment: target.environment };
}

/** What it means that a question is answered otherwise. */
export function effectOf(before: Answer, after: Answer): Effect {
  if (before.kind === 'refused') return after.kind === 'refused' ? 'neutral' : 'loosening';
  if (after.kind === 'refused') return 'tightening';
  return planEffect(before.plan, after.plan);
}

/** What it means that a plan is another. */
export function planEffect(before: ReviewPlan, after: ReviewPlan): Effect {
  const noStricter = isNoStricter(after, before);
  const noLooser = isNoStricter(before, after);
  const demanded: Effect = noLooser ? (noStricter ? 'neutral' : 'tightening') : noStricter ? 'loosening' : 'both';
  // Nobody is asked in an automatic plan: where people are told of it is another matter than who decides.
  return together([demanded, tellsFewer(before, after) ? 'loosening' : 'neutral']);
}

/** Whether fewer people get to know of it, or later: an approval that few can see is easier to obtain. */
function tellsFewer(before: ReviewPlan, after: ReviewPlan): boolean {
  const told = new Set(after.notify ?? [DEFAULT_PLACE]);
  if ((before.notify ?? [DEFAULT_PLACE]).some((place) => !told.has(place))) return true;
  return (before.pageAfterMs ?? Infinity) < (after.pageAfterMs ?? Infinity);
}

/**
 * Who could fill a place of the plan: canonical people by group, of the stages, of the escalations and of those who may break
 * the glass.
 * @param mayApprove whether policy and separation of duties let the person decide.
 */
export function fillersOf(
  directory: Pick<Directory, 'membersOf'>,
  plan: ReviewPlan,
  mayApprove: (person: string) => boolean,
): Map<string, string[]> {
  const breaking = plan.breakGlass?.stages ?? [];
  const groups = [...plan.stages, ...plan.escalations, ...breaking].map(({ group }) => group);
  return new Map(groups.map((group) => [group, directory.membersOf(group).filter(mayApprove)]));
}
