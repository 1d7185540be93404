import { Context } from '@temporalio/activity';
import { effectsFor, lackOfRoom } from '../src/budgets/room.js';
import { OutcomeUnknown, Refusal, ServiceFault } from '../src/core/errors.js';
import type { JsonObject } from '../src/core/json.js';
import type { Outcome } from '../src/core/schemas/action.js';
import type { Judgement } from '../src/enforcement/judge.js';
import { verifyEffect } from '../src/enforcement/effect-mismatch.js';
import { requireNoAlarm } from '../src/enforcement/alarmed.js';
import { requireNotFrozen } from '../src/enforcement/frozen.js';
import { checkUnchanged } from '../src/enforcement/unchanged.js';
import { askedOf } from '../src/operations/asked.js';
import { latest, type AnyDraft, type Record } from '../src/record/record.js';
import type { OpenedLease } from '../src/vault/leases.js';
import type { Watched } from './freeze-watch.js';
import { tellStanding } from './heartbeat.js';
import type { ExecuteDependencies } from './run-under-lease.js';
import { readStops } from './stops.js';

/** The only step of today's actions; claims and effects are keyed by it. */
export const EXECUTE_STEP = 'execute';

/**
 * Runs the operation under its credential, at most once.
 * @returns what came of it; throws only when nothing ran: a refusal says so, and a service that was away is asked again.
 */
export async function runEffect(
  dependencies: ExecuteDependencies,
  judged: Judgement,
  held: { attempt: number; credential: OpenedLease; watch: Watched },
): Promise<Outcome> {
  const { policy, host, contents, artefactsDir, retentionMs, clock } = dependencies;
  const { operation, preview } = judged;
  const signal = AbortSignal.any([Context.current().cancellationSignal, held.watch.frozen]);
  const effect = { begun: false };
  try {
    const result = await operation.execute({
      ...askedOf(judged.request.body, judged),
      credential: held.credential,
      approved: preview.preview,
      host,
      keepsakes: contents,
      artefactsDir,
      retainUntilMs: clock() + retentionMs,
      progress: (done) => {
        tellStanding({ done });
      },
      signal,
      beginEffect: async (now) => {
        checkUnchanged(judged, now, { policy: policy(), nowMs: clock() });
        await held.credential.onRecord;
        await beginEffect(dependencies, judged, held.attempt, effect);
      },
    });
    return succeeded(result);
  } catch (error) {
    // What is frozen is cancelled, too: either may be the first to be heard of.
    const frozen = signal.aborted ? await held.watch.whyFrozen() : null;
    // Why it could not begin, not what became of it: its session was ended under it.
    if (!effect.begun) throw frozen ?? error;
    return failed(error, { isStopped: signal.aborted, frozen });
  }
}

/**
 * Nobody else begins it, it has not ended meanwhile, and it was not frozen since it was judged. Under a budget it begins where no
 * other effect of its operation can, as two that fit alone need not fit together; one lock for all of them, for a budget of an
 * agent and one of a target may count the same effect.
 * @param effect told that it has begun as soon as that is on record, before anything else can go wrong
 */
async function beginEffect(
  dependencies: ExecuteDependencies,
  judged: Judgement,
  attempt: number,
  effect: { begun: boolean },
): Promise<void> {
  const { claims, record, clock } = dependencies;
  const { request, requestDigest, plan, operation } = judged;
  const { actionId } = request.body;
  const begin = async (): Promise<void> => {
    await requireUnstopped(dependencies, judged);
    const body = { actionDigest: plan.actionDigest, step: EXECUTE_STEP, attempt, startedAtMs: clock() };
    await record.append([{ kind: 'effect', actionId, requestDigest, body, key: EXECUTE_STEP, isFirst: true }]);
    effect.begun = true;
    tellStanding({ effect: 'begun' });
  };
  if (plan.plan.budgets === undefined) return begin();
  try {
    await claims.underLock(`budget/${operation.name}`, async () => {
      await requireRoom(record, judged);
      await begin();
    });
  } catch (error) {
    if (!effect.begun) throw error;
    // Another effect may have been counted meanwhile.
    const message = 'The lock of its budget was lost as it began: nothing ran.';
    throw new ServiceFault('record', message, false, { cause: error });
  }
}

/** Asked at the last moment, behind whatever it waited for. */
async function requireUnstopped(
  { record, policy, clock }: ExecuteDependencies,
  { request, plan }: Judgement,
): Promise<void> {
  const stops = await readStops(record, request.body);
  requireNotFrozen(stops.freezes, request.body, policy().directory);
  requireNoAlarm(stops.alarms, policy().directory);
  if (clock() >= plan.snapshot.expiresAtMs) {
    throw new Refusal('request_expired', 'The action expired before it could run. Nothing ran.', 'expiresAtMs');
  }
}

/** Counted anew. @throws Refusal `budget_exceeded` */
async function requireRoom(
  record: Pick<Record, 'effectsWithin'>,
  { request, plan, operation, target, params }: Judgement,
): Promise<void> {
  const { budgets = [] } = plan.plan;
  const { actionId, agent } = request.body;
  const action = { actionId, agent, target: target.name, operation, params };
  const lack = lackOfRoom(budgets, action, await effectsFor(record, budgets));
  if (lack !== null) throw lack;
}

function succeeded(result: JsonObject): Outcome {
  return { status: 'succeeded', code: 'succeeded', message: 'The operation ran to its end.', result };
}

function failed(error: unknown, { isStopped, frozen }: { isStopped: boolean; frozen: Refusal | null }): Outcome {
  if (error instanceof OutcomeUnknown) return { status: 'unknown', code: 'outcome_unknown', message: error.message };
  // Only our own sentences: a driver's message may quote data or a connection string.
  const own = error instanceof Refusal || error instanceof ServiceFault ? error.message : null;
  if (frozen !== null)
    return {
      status: 'interrupted',
      code: frozen.code,
      message: `It was stopped while it ran. ${frozen.message}`.slice(0, 1_000),
    };
  if (isStopped) {
    return { status: 'interrupted', code: 'interrupted', message: own ?? 'The operation was stopped while it ran.' };
  }
  const said = own ?? 'The operation failed at the target.';
  return { status: 'failed', code: error instanceof Refusal ? error.code : 'target_error', message: said };
}

/**
 * Puts what came of the effect on record, with what it shows against the preview; in one piece with the incidents and
 * the freeze that follow from it.
 * @returns the first result on record: when somebody else had to say "unknown" before us, that is the answer.
 */
export async function recordResult(
  { record, clock }: ExecuteDependencies,
  judged: Pick<Judgement, 'operation' | 'preview' | 'plan' | 'request' | 'requestDigest'>,
  outcome: Outcome,
): Promise<Outcome> {
  const { operation, preview, plan } = judged;
  const findings = outcome.result === undefined ? [] : operation.checkEffect(preview.preview, outcome.result);
  const { request, requestDigest } = judged;
  const { actionId, agent } = request.body;
  const nowMs = clock();
  const effect = verifyEffect(outcome, findings, { actionId, agent, plan: plan.plan, nowMs });
  const about = { actionId, requestDigest };
  const body = { step: EXECUTE_STEP, outcome: effect.outcome, findings, finishedAtMs: nowMs };
  const drafts: AnyDraft[] = [
    { kind: 'result', ...about, body, key: EXECUTE_STEP },
    ...effect.incidents.map((incident, index) => ({
      kind: 'incident' as const,
      ...about,
      body: incident,
      key: `${EXECUTE_STEP}/${String(index)}`,
    })),
  ];
  // The key is what a frozen agent is found by: see Record.freezesOf.
  if (effect.freeze !== null) drafts.push({ kind: 'freeze', ...about, body: effect.freeze, key: agent });
  const recorded = await record.append(drafts);
  return latest(recorded, 'result')?.body.outcome ?? effect.outcome;
}
