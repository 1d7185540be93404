import { Context } from '@temporalio/activity';
import { Refusal, ServiceFault } from '../src/core/errors.js';
import type { JsonObject } from '../src/core/json.js';
import type { Flag, Outcome, Preview } from '../src/core/schemas/action.js';
import { ReviewAgain } from '../src/enforcement/evidence.js';
import type { Judgement } from '../src/enforcement/judge.js';
import type { LeasedCredential } from '../src/vault/leases.js';
import type { ExecuteDependencies } from './run-under-lease.js';

/** The only step of today's actions; claims and effects are keyed by it. */
export const EXECUTE_STEP = 'execute';

/** Runs the operation under its credential, at most once, and puts what came of it on record. */
export async function runEffect(
  dependencies: ExecuteDependencies,
  judged: Judgement,
  held: { attempt: number; credential: LeasedCredential },
): Promise<Outcome> {
  const { artefactsDir, retentionMs, clock } = dependencies;
  const { operation, target, params, request, preview } = judged;
  const signal = Context.current().cancellationSignal;
  let begun = false;
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
        await beginEffect(dependencies, judged, held.attempt, now);
        begun = true;
      },
    });
    return await recordResult(dependencies, judged, succeeded(result), operation.checkEffect(preview.preview, result));
  } catch (error) {
    // Nothing ran: a refusal says so, and a service that was away is asked again by Temporal.
    if (!begun) throw error;
    return recordResult(dependencies, judged, failed(error, signal.aborted), []);
  }
}

/** In the session that will run the effect: what was approved is what is there, and nobody else begins it. */
async function beginEffect(
  { claims, record, clock }: ExecuteDependencies,
  judged: Judgement,
  attempt: number,
  now: Preview,
): Promise<void> {
  const { request, requestDigest, plan, preview, operation } = judged;
  const { actionId } = request.body;
  if (now.fingerprint !== plan.snapshot.fingerprint) {
    throw new ReviewAgain(
      'target_changed',
      'The target changed after the approval; what would run is not what was shown.',
    );
  }
  const grown = operation.grew(preview.preview, now);
  if (grown !== null) throw new ReviewAgain('effect_grew', grown);
  if (clock() >= plan.snapshot.expiresAtMs)
    throw new Refusal('request_expired', 'The action expired before it could run. Nothing ran.', 'expiresAtMs');
  if (!(await claims.beginEffect(actionId, EXECUTE_STEP, attempt))) {
    throw new Refusal(
      'already_claimed',
      'Another attempt has begun this effect, or the action has ended since: it is not begun.',
    );
  }
  await record.append([
    {
      kind: 'effect',
      actionId,
      requestDigest,
      body: { actionDigest: plan.actionDigest, step: EXECUTE_STEP, attempt, startedAtMs: clock() },
      key: EXECUTE_STEP,
    },
  ]);
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

async function recordResult(
  { record, clock }: ExecuteDependencies,
  judged: Judgement,
  outcome: Outcome,
  findings: Flag[],
): Promise<Outcome> {
  await record.append([
    {
      kind: 'result',
      actionId: judged.request.body.actionId,
      requestDigest: judged.requestDigest,
      body: { step: EXECUTE_STEP, outcome, findings, finishedAtMs: clock() },
      key: EXECUTE_STEP,
    },
  ]);
  return outcome;
}
