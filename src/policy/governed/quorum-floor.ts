import type { Flag, ReviewPlan } from '../../core/schemas/action.js';
import type { Problem, SourceFile } from '../../directory/yaml-source.js';
import type { Policy, PolicyQuestion, ReviewVerdict } from '../policy.js';

/** The operation that puts a policy bundle in force. */
export const POLICY_CHANGE = 'policy.change';

/** Kind of the target that it acts on. */
export const POLICY_STORE = 'policy-store';

/** Flags of a change after which somebody may do what they could not before: these cost more people. */
const LOOSENING: readonly { code: string; severity: Flag['severity'] }[] = [
  { code: 'policy_loosened', severity: 'high' },
  { code: 'governance_changed', severity: 'critical' },
];

/**
 * A policy under which no change of policy is automatic, and a loosening needs more people than the same change without it
 * would: in code, so that no bundle can say otherwise, whatever else its conditions ask about.
 */
export function withQuorumFloor(policy: Policy): Policy {
  return {
    ...policy,
    review(question) {
      const verdict = policy.review(question);
      if (question.operation !== POLICY_CHANGE || !verdict.allowed) return verdict;
      const because = lackOf(verdict.plan, question, (other) => policy.review(other));
      return because === null ? verdict : { allowed: false, code: 'policy_forbids', because };
    },
  };
}

/** What of a bundle does not keep to it, by file and line. @param policy without the floor */
export function quorumFaults(policy: Policy, cedarFiles: readonly SourceFile[]): Problem[] {
  const problems = new Map<string, Problem>();
  const stores = policy.targets().filter(({ kind }) => kind === POLICY_STORE);
  for (const { kind, name, environment } of stores) {
    for (const { id: agent } of policy.directory.agents()) {
      for (const codes of [[], ...LOOSENING.map((code) => [code]), LOOSENING]) {
        const flags = codes.map((code) => ({ ...code, sentence: '' }));
        const question = { agent, operation: POLICY_CHANGE, target: { kind, name, environment }, flags, nowMs: 0 };
        const verdict = policy.review(question);
        if (!verdict.allowed) continue;
        const because = lackOf(verdict.plan, question, (other) => policy.review(other));
        if (because === null) continue;
        const at = placeOf(verdict.plan, cedarFiles);
        problems.set(`${at} ${because}`, { at, message: because });
      }
    }
  }
  return [...problems.values()];
}

/** Why a plan is not enough for a change of policy; null when it is. */
function lackOf(
  plan: ReviewPlan,
  question: PolicyQuestion,
  review: (question: PolicyQuestion) => ReviewVerdict,
): string | null {
  const people = peopleOf(plan);
  if (plan.breakGlass !== undefined) return 'a change of policy waits for its people: it can have no @breakglass';
  if (people === 0) return 'a change of policy is never automatic: name who reviews it';
  const codes = LOOSENING.map(({ code }) => code);
  const others = question.flags.filter(({ code }) => !codes.includes(code));
  if (others.length === question.flags.length) return null;
  const without = review({ ...question, flags: others });
  const least = 1 + (without.allowed ? Math.max(1, peopleOf(without.plan)) : 1);
  if (people >= least) return null;
  return `a change that loosens policy needs more people than one that does not: ${String(least)} at least, and this asks for ${String(people)}`;
}

function peopleOf({ stages }: ReviewPlan): number {
  return stages.reduce((sum, { quorum }) => sum + quorum, 0);
}

function placeOf({ policies }: ReviewPlan, files: readonly SourceFile[]): string {
  for (const { path, text } of files) {
    const line = text.split('\n').findIndex((each) => policies.some((id) => each.includes(`@id("${id}")`)));
    if (line >= 0) return `${path}:${String(line + 1)}`;
  }
  return files[0]?.path ?? '*.cedar';
}
