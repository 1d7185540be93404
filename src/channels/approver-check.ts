import { Refusal } from '../core/errors.js';
import type { Policy } from '../policy/policy.js';
import type { ActionView } from '../record/action-view.js';

/**
 * Whether a person's decision may count: separation of duties, membership, and policy's approve question.
 * @returns the person's groups, as the bundle lists them.
 * @throws Refusal naming why not.
 */
export function checkApprover(
  { view, person, decision }: { view: ActionView; person: string; decision: 'approve' | 'deny' },
  { policy, clock }: { policy: () => Policy; clock: () => number },
): string[] {
  const bundle = policy();
  const { directory } = bundle;
  const { request, target, flags, plan } = view;
  if (plan === null || target === null) throw new Error('checkApprover: the action has no plan yet');
  // Who was barred when it was planned, and who is by now: neither may decide.
  const barred = [...view.barred, ...directory.barredFor(request.agent, view.provenance)].find(
    (entry) => entry.person === person,
  );
  if (barred !== undefined) {
    throw new Refusal('self_approval', `You may not decide on this: ${barred.because}.`);
  }
  const groups = directory.groupsOf(person);
  const eligible = [...plan.stages, ...view.escalated].map(({ group }) => group);
  if (!eligible.some((group) => groups.includes(group))) {
    throw new Refusal(
      'not_an_approver',
      `You are in none of the groups that may decide now: ${[...new Set(eligible)].join(', ')}.`,
    );
  }
  const nowMs = clock();
  const verdict = bundle.mayApprove({
    agent: request.agent,
    operation: request.operation,
    target,
    flags,
    nowMs,
    person,
    provenance: view.provenance,
  });
  if (decision === 'approve' && !verdict.allowed) {
    throw new Refusal(verdict.code, verdict.because);
  }
  return groups;
}
