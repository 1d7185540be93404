import { Refusal } from '../core/errors.js';
import { groupsSpokenFor } from '../directory/delegations.js';
import { excludedFromReview, lackOfPayers } from '../policy/payers.js';
import type { Policy } from '../policy/policy.js';
import type { ActionView } from '../record/action-view.js';

/**
 * Whether a person's decision may count: separation of duties, membership, and policy's approve question; of who breaks the
 * glass, that somebody is left to review it.
 * @param asked `breakGlass`: whether they break the glass, which only the groups that the plan names for it may
 * @returns the person's groups, as the bundle lists them.
 * @throws Refusal naming why not.
 */
export function checkApprover(
  {
    view,
    person,
    decision,
    breakGlass = false,
  }: { view: ActionView; person: string; decision: 'approve' | 'deny'; breakGlass?: boolean },
  { policy, clock }: { policy: () => Policy; clock: () => number },
): string[] {
  const bundle = policy();
  const { directory } = bundle;
  const { request, target, flags, plan } = view;
  if (plan === null || target === null) throw new Error('checkApprover: the action has no plan yet');
  // Who was barred when it was planned, and who is by now: neither may decide.
  const everyoneBarred = [...view.barred, ...directory.barredFor(request.agent, view.provenance)];
  const barred = everyoneBarred.find((entry) => entry.person === person);
  if (barred !== undefined) {
    throw new Refusal('self_approval', `You may not decide on this: ${barred.because}.`);
  }
  const nowMs = clock();
  const named = breakGlass ? (plan.breakGlass?.stages ?? []) : [...plan.stages, ...view.escalated];
  const eligible = named.map(({ group }) => group);
  const mayFill = (groups: readonly string[]): boolean => eligible.some((group) => groups.includes(group));
  // A denial takes no place.
  const approvals = view.decisions.filter(
    (earlier) => earlier.current && earlier.decision === 'approve' && (!breakGlass || earlier.breakGlass === true),
  );
  const spoken = groupsSpokenFor(
    directory,
    [...(decision === 'approve' ? approvals : []), { person, decidedAtMs: nowMs }],
    { barred: everyoneBarred.map((entry) => entry.person), deciding: eligible },
  );
  const groups = spoken.pop() ?? [];
  const standIn = approvals.find(
    (earlier, index) =>
      directory.standsInFor(earlier.person, earlier.decidedAtMs).includes(person) && !mayFill(spoken[index] ?? []),
  );
  if (decision === 'approve' && standIn !== undefined)
    throw new Refusal('already_decided', `${standIn.person} has approved in your place, while you were away.`);
  if (!mayFill(groups)) {
    throw new Refusal(
      'not_an_approver',
      `You are in none of the groups that may ${breakGlass ? 'break the glass' : 'decide now'}: ${[...new Set(eligible)].join(', ')}.`,
    );
  }
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
  const breakers = [...approvals, { person, decidedAtMs: nowMs }];
  const excluded = excludedFromReview(directory, { barred: everyoneBarred, breakers });
  const lack = breakGlass ? lackOfPayers(plan, { directory, excluded, nowMs }) : null;
  if (lack !== null) throw new Refusal(lack.code, lack.message);
  return groups;
}
