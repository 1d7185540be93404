import { Refusal } from '../core/errors.js';
import { checks } from '../enforcement/checks.js';
import { NO_DEBTS } from '../enforcement/debts.js';
import { ReviewAgain } from '../enforcement/evidence.js';
import { judgeBy } from '../enforcement/judge.js';
import type { OperationCatalog } from '../operations/operation.js';
import type { Policy } from '../policy/policy.js';
import { NO_EFFECTS } from '../record/effects.js';
import { allOf, latest, type AnyRecorded } from '../record/record.js';
import type { StatementCheck } from './verify-statements.js';

/** Checks of the executor that ask for more than a bundle holds, each with why it is left out here. */
export const LEFT_OUT = {
  'neither its agent nor its operation is frozen, nor everything': 'freezes are on record under other actions, or none',
  'no alarm stands that stops approvals': 'alarms are on record under no action',
  'the budgets of the plan have room for it': 'what they count is on record under other actions',
  'no review of an earlier broken glass is owed': 'what is owed is on record under other actions',
  'the operation accepts the parameters': 'it is code of the release that ran it',
  'the snapshot names the role that will be leased': 'it is code of the release that ran it',
} as const;

/** What of the executor's checks can be asked of statements and policy files alone. */
export const offlineChecks = checks.filter(({ name }) => !Object.hasOwn(LEFT_OUT, name));

export interface Judging {
  /** Verified, oldest first. */
  recorded: readonly AnyRecorded[];
  /** The bundles at hand, by digest. */
  policies: ReadonlyMap<string, Policy>;
  operations: OperationCatalog;
}

/**
 * Decides once more whether the executor was right to take the action: from the statements before its claim and the
 * policy that the claimed plan names. Null when it never took it, so that there is nothing to judge.
 */
export async function judgeAgain({ recorded, policies, operations }: Judging): Promise<StatementCheck | null> {
  const claim = latest(recorded, 'claim');
  // No effect begins without a claim: one that comes alone was cut out of its story.
  if (claim === undefined)
    return latest(recorded, 'effect') === undefined ? null : { ok: false, what: 'It ran, and the claim is not here' };
  const { actionDigest, runId, claimedAtMs } = claim.body;
  const before = recorded.slice(0, recorded.indexOf(claim));
  const plan = allOf(before, 'plan').findLast(({ body }) => body.actionDigest === actionDigest)?.body;
  if (plan === undefined) return { ok: false, what: 'No plan was stated for what the executor took' };
  const policy = policies.get(plan.policy.digest);
  if (policy === undefined) return null;
  const evidence = {
    actionId: claim.actionId ?? '',
    runId,
    round: plan.round,
    statements: before,
    freezes: [],
    alarms: [],
    effects: NO_EFFECTS,
    debts: NO_DEBTS,
    policy,
    operations,
    // How fresh a sign-in must be is configuration, which no statement names.
    assurance: { maxAgeMs: Number.MAX_SAFE_INTEGER, acrValues: [] },
    nowMs: claimedAtMs,
  };
  try {
    const { approvers, brokenBy } = await judgeBy(offlineChecks, evidence);
    const stated = [...claim.body.approvers].sort();
    const same = stated.length === approvers.length && stated.every((person, at) => person === approvers[at]);
    if (!same) return { ok: false, what: 'The approvers that the executor counted are not those of the statements' };
    if (JSON.stringify(brokenBy ?? []) !== JSON.stringify(claim.body.breakGlass?.by ?? []))
      return { ok: false, what: 'Who broke the glass, by the statements, is not what the executor claimed' };
    return { ok: true, what: saysWhy(approvers, policy, brokenBy) };
  } catch (error) {
    if (error instanceof Refusal || error instanceof ReviewAgain)
      return { ok: false, what: `Judged again by its policy, it had no right to run: ${error.message}` };
    throw error;
  }
}

function saysWhy(approvers: readonly string[], { bundle }: Policy, brokenBy: readonly string[] | null): string {
  if (brokenBy !== null)
    return `Judged again by policy ${String(bundle.number)}, it had the right to run: ${brokenBy.join(', ')} broke the glass, none of them barred`;
  const by = approvers.length === 0 ? 'it needs nobody' : `${approvers.join(', ')} fill it, none of them barred`;
  return `Judged again by policy ${String(bundle.number)}, it had the right to run: ${by}`;
}
