import { Refusal } from '../src/core/errors.js';
import type { Outcome } from '../src/core/schemas/action.js';
import type { StatementBody } from '../src/core/schemas/statements.js';
import { layOut, type Case } from '../src/enforcement/evidence.js';
import { askedOf } from '../src/operations/asked.js';
import type { FoundOutcome } from '../src/operations/operation.js';
import type { OpenLease } from '../src/record/claims.js';
import { allOf, latest, type AnyRecorded } from '../src/record/record.js';
import type { OpenedLease } from '../src/vault/leases.js';
import { leaseIdsOf } from '../src/vault/vault-leases.js';
import { recordResult } from './effect.js';
import type { ExecuteDependencies } from './run-under-lease.js';

/** The step under which the target is asked what came of an effect; keyed apart from the effect's own. */
const OUTCOME_STEP = 'outcome';

// Asking takes seconds; the credential that asks is revoked right after.
const ASKING_TTL_SECONDS = 120;

/** After a crash in the effect: ask the target or the outputs, never run it again. */
export async function findOutcome(
  dependencies: ExecuteDependencies,
  actionId: string,
  runId: string,
): Promise<Outcome> {
  const { record, claims, leases, contents, artefactsDir } = dependencies;
  // Who began it may still live, cut off from Temporal: without its lease it cannot finish behind this answer.
  for (const left of await claims.openLeases(actionId)) {
    if (left.purpose === 'execute') await leases.revoke(heldUnder(left));
  }
  const statements = await record.ofAction(actionId);
  // Nothing is leased behind a receipt.
  const receipt = latest(statements, 'receipt');
  if (receipt !== undefined) return receipt.body.outcome;
  const begun = caseOf(dependencies, statements);
  const ttlSeconds = askingTtlOf(begun, latest(statements, 'claim')?.body);
  const held: OpenedLease[] = [];
  let found: FoundOutcome;
  try {
    found = await begun.operation.findOutcome({
      ...askedOf(begun.request.body, begun),
      approved: begun.preview.preview,
      keepsakes: contents,
      artefactsDir,
      lease: async () => {
        const credential = await leaseToAsk(dependencies, begun, { runId, ttlSeconds });
        held.push(credential);
        await credential.onRecord;
        return credential;
      },
    });
  } finally {
    for (const credential of held) await leases.revoke(credential).catch(dependencies.onInternal);
  }
  return recordResult(dependencies, begun, outcomeOf(found));
}

/** What an earlier attempt held. */
export function heldUnder(lease: OpenLease): { accessor: string; leaseIds: string[] } {
  return { accessor: lease.accessor, leaseIds: leaseIdsOf(lease) };
}

/** The very round whose effect began. */
function caseOf({ operations, policy }: ExecuteDependencies, statements: AnyRecorded[]): Case {
  // An earlier release wrote the effect's row before its statement; nobody claimed after that.
  const begun = latest(statements, 'effect')?.body ?? latest(statements, 'claim')?.body;
  const plan = allOf(statements, 'plan').findLast(({ body }) => body.actionDigest === begun?.actionDigest);
  if (plan === undefined) throw new Refusal('statement_missing', 'The plan of a begun effect is not on record.');
  // After a reset, a later run may have planned the same round again.
  const then = statements.filter(({ sequence }) => sequence <= plan.sequence);
  return layOut({ statements: then, operations, policy: policy(), round: plan.body.round });
}

/** Behind a broken glass no longer than what that lets live: it may be the credential of the effect. */
function askingTtlOf({ plan: { plan } }: Case, claim: StatementBody<'claim'> | undefined): number {
  const { leaseTtlSeconds } = plan;
  const broken = claim?.breakGlass === undefined ? undefined : plan.breakGlass;
  return Math.min(ASKING_TTL_SECONDS, leaseTtlSeconds, broken?.leaseTtlSeconds ?? leaseTtlSeconds);
}

function leaseToAsk(
  { leases }: ExecuteDependencies,
  begun: Case,
  { runId, ttlSeconds }: { runId: string; ttlSeconds: number },
): Promise<OpenedLease> {
  const { request, requestDigest, plan, operation, target } = begun;
  const asked = askedOf(request.body, begun);
  return leases.open({
    actionId: request.body.actionId,
    requestDigest,
    actionDigest: plan.actionDigest,
    runId,
    step: OUTCOME_STEP,
    purpose: 'execute',
    ...(operation.credentialToAsk?.(asked) ?? operation.credentialFor('execute', asked)),
    target: target.name,
    ttlSeconds,
  });
}

function outcomeOf(found: FoundOutcome): Outcome {
  if (found.kind === 'unknown') return { status: 'unknown', code: 'outcome_unknown', message: found.message };
  const message = 'The effect was complete before the executor was interrupted.';
  return { status: 'succeeded', code: 'succeeded', message, result: found.result };
}
