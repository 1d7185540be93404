import type { StatementBody } from '../src/core/schemas/statements.js';
import { requirePaid } from '../src/enforcement/debts.js';
import type { Judgement } from '../src/enforcement/judge.js';
import type { Claims } from '../src/record/claims.js';
import { claimKeyOf } from '../src/record/debts.js';
import type { Record } from '../src/record/record.js';
import { EXECUTE_STEP } from './effect.js';

export interface ClaimDependencies {
  record: Pick<Record, 'append' | 'debts'>;
  claims: Pick<Claims, 'underLock'>;
  clock: () => number;
}

/** What of a judgement a claim says. */
export type Claimable = Pick<Judgement, 'request' | 'requestDigest' | 'plan' | 'approvers' | 'brokenBy'>;

/**
 * States that the executor takes the action. Behind a broken glass, what is owed is asked once more where nobody else, in
 * whatever executor, can break another meanwhile: of two at the same moment the second finds the first one's claim.
 * @throws ReviewAgain when a review is owed for another one; Refusal `already_claimed` when another executor was first: what that
 * one does is known when this is tried again.
 */
export async function putClaim(
  { record, claims, clock }: ClaimDependencies,
  { request, requestDigest, plan, approvers, brokenBy }: Claimable,
  { attempt, runId }: { attempt: number; runId: string },
): Promise<void> {
  const { actionId } = request.body;
  const nowMs = clock();
  const { actionDigest } = plan;
  const body = { actionDigest, step: EXECUTE_STEP, attempt, runId, approvers, claimedAtMs: nowMs };
  const put = async (claim: StatementBody<'claim'>): Promise<void> => {
    const key = claimKeyOf(claim);
    await record.append([{ kind: 'claim', actionId, requestDigest, body: claim, key, isFirst: true }]);
  };
  const { breakGlass } = plan.plan;
  if (brokenBy === null || breakGlass === undefined) {
    await put(body);
    return;
  }
  await claims.underLock('break-glass', async () => {
    requirePaid(await record.debts({ chained: true }), actionId);
    await put({ ...body, breakGlass: { by: brokenBy, dueAtMs: nowMs + breakGlass.reviewWithinMs } });
  });
}

/** Behind a broken glass a shorter one. */
export function leaseTtlOf({ plan: { plan }, brokenBy }: Judgement): number {
  const longest = brokenBy === null ? plan.leaseTtlSeconds : (plan.breakGlass?.leaseTtlSeconds ?? 0);
  return Math.min(plan.leaseTtlSeconds, longest);
}
