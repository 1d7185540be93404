import { Context } from '@temporalio/activity';
import { z } from 'zod';
import { REFUSALS_PER_ACTION, type Refusals } from '../src/channels/refusals.js';
import { effectsFor } from '../src/budgets/room.js';
import type { AssuranceSettings } from '../src/core/assurance.js';
import type { ExecuteActivities, RunResult, RunUnderLeaseInput } from '../src/contracts/activities.js';
import { workflowIdOf } from '../src/contracts/workflow-id.js';
import { Refusal } from '../src/core/errors.js';
import { parseOrRefuse } from '../src/core/invalid-field.js';
import { actionIdSchema } from '../src/core/schemas/primitives.js';
import type { Outcome } from '../src/core/schemas/action.js';
import { NO_DEBTS } from '../src/enforcement/debts.js';
import { ReviewAgain } from '../src/enforcement/evidence.js';
import { requireNotIntercepted } from '../src/enforcement/intercepted.js';
import { judge, type Judgement } from '../src/enforcement/judge.js';
import { askedOf } from '../src/operations/asked.js';
import type { OperationCatalog, OperationHost } from '../src/operations/operation.js';
import type { Policy } from '../src/policy/policy.js';
import type { Claims } from '../src/record/claims.js';
import type { KeptContents } from '../src/record/contents.js';
import { allOf, latest, type AnyRecorded, type DebtList, type Record } from '../src/record/record.js';
import type { Leases } from '../src/vault/leases.js';
import { leaseTtlOf, putClaim } from './claim.js';
import { EXECUTE_STEP, recordResult, runEffect } from './effect.js';
import { translated } from './failures.js';
import { findOutcome, heldUnder } from './find-outcome.js';
import type { FreezeWatch } from './freeze-watch.js';
import { heartbeating } from './heartbeat.js';
import { readStops } from './stops.js';
import { toldLeases } from './told-leases.js';

export interface ExecuteDependencies {
  policy: () => Policy;
  operations: OperationCatalog;
  /** Which sign-ins are good enough where policy demands a fresh one. */
  assurance: AssuranceSettings;
  host: OperationHost;
  /** What previews kept; only read. */
  contents: KeptContents;
  record: Record;
  claims: Claims;
  leases: Leases;
  /** Tells what runs that it was frozen. */
  freezes: FreezeWatch;
  /** Where attempts go that are about no action on record, or about one that has enough of them. */
  refusals: Refusals;
  artefactsDir: string;
  /** How long outputs are kept. */
  retentionMs: number;
  clock: () => number;
  onInternal: (error: unknown) => void;
}

/** Recheck, lease, execute, revoke: the enforcement point. It trusts nothing that Temporal hands it. */
export function createExecuteActivities(options: ExecuteDependencies): ExecuteActivities {
  const dependencies = { ...options, leases: toldLeases(options.leases, options.clock) };
  return {
    runUnderLease: (input) =>
      translated(dependencies.onInternal, () =>
        heartbeating(2_000, () => runUnderLease(dependencies, input), { lease: 'none' }),
      ),
  };
}

const inputSchema: z.ZodType<RunUnderLeaseInput> = z.strictObject({ actionId: actionIdSchema, round: z.int().min(1) });

async function runUnderLease(dependencies: ExecuteDependencies, sent: unknown): Promise<RunResult> {
  let actionId: string | null = null;
  try {
    const input = parseOrRefuse(inputSchema, sent);
    actionId = input.actionId;
    return { kind: 'finished', outcome: await judgeAndRun(dependencies, input, askingRun(actionId)) };
  } catch (error) {
    if (error instanceof Refusal || error instanceof ReviewAgain) await recordRefusal(dependencies, actionId, error);
    if (!(error instanceof ReviewAgain)) throw error;
    return { kind: 'review_again', reopened: { code: error.code, message: error.message } };
  }
}

async function judgeAndRun(
  dependencies: ExecuteDependencies,
  { actionId, round }: RunUnderLeaseInput,
  runId: string,
): Promise<Outcome> {
  const { record, claims } = dependencies;
  const [statements, taken] = await Promise.all([record.ofAction(actionId), claims.taken(actionId, EXECUTE_STEP)]);
  const kept = latest(statements, 'result');
  if (kept !== undefined) return kept.body.outcome;
  // There is nothing left to judge.
  if (taken.isBegun || latest(statements, 'effect') !== undefined) return findOutcome(dependencies, actionId, runId);
  requireNotIntercepted(statements);
  const request = latest(statements, 'request')?.body;
  const plan = allOf(statements, 'plan').findLast(({ body }) => body.round === round)?.body.plan;
  const judged = await judge({
    ...dependencies,
    policy: dependencies.policy(),
    actionId,
    runId,
    round,
    statements,
    ...(await readStops(record, request)),
    effects: await effectsFor(record, plan?.budgets),
    debts: await debtsFor(record, statements),
    nowMs: dependencies.clock(),
  });
  const attempt = taken.attempts + 1;
  await putClaim(dependencies, judged, { attempt, runId });
  if (attempt > 1) await endEarlierAttempts(dependencies, actionId);
  return leaseAndRun(dependencies, judged, attempt, runId);
}

/** One of them may still live in another process: without its lease it can do nothing more. */
async function endEarlierAttempts(
  { claims, leases }: Pick<ExecuteDependencies, 'claims' | 'leases'>,
  actionId: string,
): Promise<void> {
  for (const left of await claims.openLeases(actionId)) {
    if (left.step === EXECUTE_STEP) await leases.revoke(heldUnder(left));
  }
}

function askingRun(actionId: string): string {
  const { workflowExecution } = Context.current().info;
  if (workflowExecution === undefined)
    throw new Refusal('run_unknown', 'No workflow asks for this: a stand-alone activity is never run.');
  if (workflowExecution.workflowId !== workflowIdOf(actionId)) {
    throw new Refusal('action_id_mismatch', 'The asking workflow is not the one of this action.');
  }
  return workflowExecution.runId;
}

/** No query where nobody breaks the glass. */
async function debtsFor(record: Pick<Record, 'debts'>, statements: readonly AnyRecorded[]): Promise<DebtList> {
  const isAsked = allOf(statements, 'decision').some(({ body }) => body.breakGlass === true);
  return isAsked ? record.debts({ chained: true }) : NO_DEBTS;
}

async function leaseAndRun(
  dependencies: ExecuteDependencies,
  judged: Judgement,
  attempt: number,
  runId: string,
): Promise<Outcome> {
  const { leases, freezes } = dependencies;
  const { request, requestDigest, plan, operation, target } = judged;
  const { actionId } = request.body;
  const credential = await leases.open({
    actionId,
    requestDigest,
    actionDigest: plan.actionDigest,
    runId,
    step: EXECUTE_STEP,
    purpose: 'execute',
    ...operation.credentialFor('execute', askedOf(judged.request.body, judged)),
    target: target.name,
    ttlSeconds: leaseTtlOf(judged),
  });
  // Before it is asked once more whether anything is frozen: what is frozen after that is told here.
  const watch = freezes.over(request.body);
  const running = runEffect(dependencies, judged, { attempt, credential, watch });
  const over = running.then(
    () => undefined,
    () => undefined,
  );
  // However it ended, and beside the record of it: a revocation waits for nothing, and a frozen effect is not waited for
  // either. What fails here, the notary ends and proves.
  const revoked = Promise.race([over, aborted(watch.frozen)])
    .then(() => leases.revoke(credential))
    .catch(dependencies.onInternal);
  try {
    return await recordResult(dependencies, judged, await running);
  } finally {
    watch.stop();
    await Promise.allSettled([revoked, credential.onRecord]);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}

/** Who asks wrongly is on record: with the action while it has few refusals, so that a flood cannot fill its receipt. */
async function recordRefusal(
  { record, refusals }: ExecuteDependencies,
  actionId: string | null,
  why: Refusal | ReviewAgain,
): Promise<void> {
  const asking = Context.current().info.workflowExecution;
  // What cannot be read is refused all the same.
  const statements = actionId === null ? [] : await record.ofAction(actionId).catch(() => []);
  const request = latest(statements, 'request');
  const known = statements.filter(({ kind }) => kind === 'refusal').length;
  const field = why instanceof Refusal ? why.field : null;
  if (actionId === null || request === undefined || known >= REFUSALS_PER_ACTION) {
    const refusal = new Refusal(why.code, why.message, field);
    await refusals.put(refusal, { action: null, who: null, sentDigest: null, source: 'temporal' });
    return;
  }
  await record.append([
    {
      kind: 'refusal',
      actionId,
      requestDigest: request.statement.subject[0].digest.sha256,
      body: { code: why.code, field, message: why.message, who: null, sentDigest: null },
      // One per workflow and reason: a forged workflow in a loop must not fill the record.
      key: `${asking?.workflowId === workflowIdOf(actionId) ? asking.runId : 'foreign'}/${why.code}`,
    },
  ]);
}
