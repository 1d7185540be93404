import { Context } from '@temporalio/activity';
import { Refusal, ServiceFault } from '../src/core/errors.js';
import type { JsonObject } from '../src/core/json.js';
import type { Outcome } from '../src/core/schemas/action.js';
import type { Judgement } from '../src/enforcement/judge.js';
import { checkUnchanged } from '../src/enforcement/unchanged.js';
import { latest } from '../src/record/record.js';
import type { LeasedCredential } from '../src/vault/leases.js';
import type { ExecuteDependencies } from './run-under-lease.js';

/** The only step of today's actions; claims and effects are keyed by it. */
export const EXECUTE_STEP = 'execute';

/**
 * Runs the operation under its credential, at most once.
 * @returns what came of it; throws only when nothing ran: a refusal says so, and a service that was away is asked again.
 */
export async function runEffect(
  dependencies: ExecuteDependencies,
  judged: Judgement,
  held: { attempt: number; credential: LeasedCredential },
): Promise<Outcome> {
  const { policy, artefactsDir, retentionMs, clock } = dependencies;
  const { operation, target, params, request } = judged;
  const signal = Context.current().cancellationSignal;
  const effect = { begun: false };
  try {
    const result = await operation.execute({
      actionId: request.body.actionId,
      params,
      target,
      credential: held.credential,
      artefactsDir,
      retainUntilMs: clock() + retentionMs,
      progress: (done) => {
        Context.current().heartbeat(done);
      },
      signal,
      beginEffect: async (now) => {
        checkUnchanged(judged, now, { policy: policy(), nowMs: clock() });
        await beginEffect(dependencies, judged, held.attempt);
        effect.begun = true;
      },
    });
    return succeeded(result);
  } catch (error) {
    if (!effect.begun) throw error;
    return failed(error, signal.aborted);
  }
}

/** Nobody else begins it, and it has not ended meanwhile. */
async function beginEffect(
  { claims, record, clock }: ExecuteDependencies,
  { request, requestDigest, plan }: Judgement,
  attempt: number,
): Promise<void> {
  const { actionId } = request.body;
  if (clock() >= plan.snapshot.expiresAtMs) {
    throw new Refusal('request_expired', 'The action expired before it could run. Nothing ran.', 'expiresAtMs');
  }
  if (!(await claims.beginEffect(actionId, EXECUTE_STEP, attempt))) {
    throw new Refusal(
      'already_claimed',
      'Another attempt has begun this effect, or the action has ended since: it is not begun.',
    );
  }
  const body = { actionDigest: plan.actionDigest, step: EXECUTE_STEP, attempt, startedAtMs: clock() };
  await record.append([{ kind: 'effect', actionId, requestDigest, body, key: EXECUTE_STEP }]);
}

function succeeded(result: JsonObject): Outcome {
  return { status: 'succeeded', code: 'succeeded', message: 'The operation ran to its end.', result };
}

function failed(error: unknown, aborted: boolean): Outcome {
  if (aborted)
    return {
      status: 'interrupted',
      code: 'interrupted',
      message: 'The operation was stopped while it ran; partial output was removed.',
    };
  // Only our own sentences: a driver's message may quote data or a connection string.
  const said =
    error instanceof Refusal || error instanceof ServiceFault ? error.message : 'The operation failed at the target.';
  return { status: 'failed', code: error instanceof Refusal ? error.code : 'target_error', message: said };
}

/** The first result on record stands: when somebody else had to say "unknown" before us, that is the answer. */
/** Puts what came of the effect on record, with what it shows against the preview. */
export async function recordResult(
  { record, clock }: ExecuteDependencies,
  judged: Judgement,
  outcome: Outcome,
): Promise<Outcome> {
  const { operation, preview } = judged;
  const findings = outcome.result === undefined ? [] : operation.checkEffect(preview.preview, outcome.result);
  const { request, requestDigest } = judged;
  const body = { step: EXECUTE_STEP, outcome, findings, finishedAtMs: clock() };
  const recorded = await record.append([
    { kind: 'result', actionId: request.body.actionId, requestDigest, body, key: EXECUTE_STEP },
  ]);
  return latest(recorded, 'result')?.body.outcome ?? outcome;
}
