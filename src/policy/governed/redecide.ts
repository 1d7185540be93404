import type { AssuranceSettings } from '../../core/assurance.js';
import { Refusal } from '../../core/errors.js';
import { judge } from '../../enforcement/judge.js';
import { ReviewAgain } from '../../enforcement/evidence.js';
import { NO_DEBTS } from '../../enforcement/debts.js';
import { paramsSchema, type PolicyChangeParams } from '../../operations/policy-change/params.js';
import type { OperationCatalog } from '../../operations/operation.js';
import { NO_EFFECTS } from '../../record/effects.js';
import { allOf, type AnyRecorded, type Record as ActionRecord } from '../../record/record.js';
import { isNoStricter } from '../review-plan.js';
import { withTaint } from '../taint.js';
import type { Assess, Assessment } from './assess.js';
import { loadFiles, textsOf, unpackBundle, type LoadedBundle } from './bundle-document.js';
import { CHANGE_CODES } from './change-flags.js';
import { POLICY_CHANGE, POLICY_STORE } from './quorum-floor.js';
import { RULES_VERSION, rulesVersionOf } from './rules-version.js';

/** A bundle that is said to follow the one in force, and the action that is said to have put it there. */
export interface Candidate {
  document: string;
  change: string;
}

/** What this process finds of it. */
export type Finding =
  /** `beganAt` is the place of its effect on the record: should two be proven, the earlier one holds. */
  | { kind: 'proven'; bundle: LoadedBundle; beganAt: number }
  /** Everything holds so far, and the executor is still at it. */
  | { kind: 'pending' }
  | { kind: 'unproven'; why: string };

export interface RedecideOptions {
  record: Pick<ActionRecord, 'ofAction'>;
  operations: OperationCatalog;
  /** Mount of the store that this process reads. */
  mount: string;
  assess: Assess;
  clock: () => number;
}

/** Behind the end of a change's lease: for its result to come on record. */
const RESULT_WITHIN_MS = 600_000;

/**
 * How fresh a sign-in had to be was judged by gateway and executor, by their settings of that day: here it is only asked
 * whether there was one, or another setting would undo a change long after it was approved.
 */
const ANY_SIGN_IN: AssuranceSettings = { maxAgeMs: Number.POSITIVE_INFINITY, acrValues: [] };

/**
 * Decides a change of policy again, under the bundle before it: the author's signed request, what the worker showed and
 * planned, the decisions, the executor's claim and result. Nobody's word that it was accepted counts.
 * @throws ServiceFault when the record cannot be asked: nothing is known then.
 */
export async function redecide(
  candidate: Candidate,
  inForce: LoadedBundle,
  options: RedecideOptions,
): Promise<Finding> {
  try {
    return await decide(candidate, inForce, options);
  } catch (error) {
    if (error instanceof Refusal || error instanceof ReviewAgain) return { kind: 'unproven', why: error.message };
    throw error;
  }
}

async function decide(
  { document, change }: Candidate,
  inForce: LoadedBundle,
  { record, operations, mount, assess, clock }: RedecideOptions,
): Promise<Finding> {
  const files = unpackBundle(document);
  const unproven = (why: string): Finding => ({ kind: 'unproven', why });
  const statements = await record.ofAction(change);
  const [effect] = allOf(statements, 'effect');
  const [request] = allOf(statements, 'request');
  if (request === undefined) return unproven('No signed request for it is on record.');
  if (request.body.operation !== POLICY_CHANGE) return unproven('The action that it names is no change of policy.');
  const params = paramsSchema.safeParse(request.body.params);
  if (!params.success || !isFor(params.data, files.digest, mount, inForce))
    return unproven('The action that it names asked for something else than this bundle behind the one in force.');
  if (effect === undefined) return unproven('The executor never began to put it in force.');

  // What came on record behind the beginning of the effect changes nothing of what was decided.
  const before = statements.filter(({ sequence }) => sequence < effect.sequence);
  const claim = allOf(before, 'claim').findLast(({ body }) => body.attempt === effect.body.attempt)?.body;
  const plan = allOf(before, 'plan').findLast(({ body }) => body.actionDigest === effect.body.actionDigest)?.body;
  if (claim === undefined || plan === undefined || claim.actionDigest !== effect.body.actionDigest)
    return unproven('The executor put something else in force.');
  const judged = await judge({
    actionId: change,
    runId: claim.runId,
    round: plan.round,
    statements: before,
    // What stops work at a moment the executor asked for at that moment; a later one undoes no change.
    freezes: [],
    alarms: [],
    effects: NO_EFFECTS,
    // Nobody breaks the glass for a change of policy: see quorum-floor.ts.
    debts: NO_DEBTS,
    policy: inForce.policy,
    operations,
    assurance: ANY_SIGN_IN,
    nowMs: claim.claimedAtMs,
  });
  if (rulesVersionOf(judged.preview.preview) !== RULES_VERSION)
    return unproven(
      'It was judged by rules that this release does not know: a newer release is at work, so upgrade this one.',
    );
  const notYet = lackOfResult(statements);
  // Not for ever: what is waited for raises no alarm, whatever else somebody does in the store.
  const isLate = clock() > claim.claimedAtMs + plan.plan.leaseTtlSeconds * 1_000 + RESULT_WITHIN_MS;
  if (notYet?.kind === 'pending' && isLate) return unproven('The executor never said that it put it in force.');
  if (notYet !== null) return notYet;
  // Last what takes long: whoever writes to Vault must not keep this process busy.
  const proposed = await assess({ before: textsOf(inForce.files), document, requests: null });
  if (proposed.bundle.number !== params.data.number || proposed.previous !== params.data.previous)
    return unproven('The bundle has another place in the chain than was asked for.');
  const lack = lackOfReview(judged, inForce, proposed, claim.claimedAtMs);
  if (lack !== null) return unproven(lack);
  // Approved by people by now.
  return { kind: 'proven', bundle: loadFiles(files, 'that follows'), beganAt: effect.sequence };
}

function isFor(params: PolicyChangeParams, digest: string, mount: string, { policy }: LoadedBundle): boolean {
  const target = policy.target(params.target);
  return (
    params.digest === digest &&
    params.number === policy.bundle.number + 1 &&
    params.previous === policy.bundle.digest &&
    target?.kind === POLICY_STORE &&
    target.vault.mount === mount
  );
}

/** With the risks that this process finds itself, policy must not demand more than what was approved. */
function lackOfReview(
  { request, preview, plan, target }: Awaited<ReturnType<typeof judge>>,
  inForce: LoadedBundle,
  { flags: found }: Assessment,
  nowMs: number,
): string | null {
  const others = preview.flags.filter(({ code }) => !CHANGE_CODES.includes(code));
  // Also without what the worker alone says of the change: a rule may ask for less where it is called a tightening.
  for (const flags of [
    [...preview.flags, ...found],
    [...others, ...found],
  ]) {
    const verdict = inForce.policy.review({
      agent: request.body.agent,
      operation: POLICY_CHANGE,
      target: { kind: target.kind, name: target.name, environment: target.environment },
      flags: withTaint(request.body, flags),
      nowMs,
    });
    if (!verdict.allowed || !isNoStricter(verdict.plan, plan.plan))
      return 'Its risks, as this process finds them, demand more than what was approved.';
  }
  return null;
}

/** Only one of two changes for the same number can have succeeded. */
function lackOfResult(statements: readonly AnyRecorded[]): Finding | null {
  const [result] = allOf(statements, 'result');
  if (result === undefined) return { kind: 'pending' };
  if (result.body.outcome.status === 'succeeded') return null;
  return { kind: 'unproven', why: `The executor did not put it in force: ${result.body.outcome.message}` };
}
