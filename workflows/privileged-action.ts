import { allHandlersFinished, CancellationScope, condition, isCancellation, workflowInfo } from '@temporalio/workflow';
import type { Prepared, Reopened } from '../src/contracts/activities.js';
import type { Envelope } from '../src/core/dsse.js';
import { actionIdIn } from '../src/contracts/workflow-id.js';
import type { PrivilegedActionInput, PrivilegedActionResult } from '../src/contracts/workflow.js';
import { createAnnouncer } from './stages/announce.js';
import { conclude } from './stages/conclude.js';
import { endedBy, type Ended } from './stages/ended.js';
import { failingOnMalformed } from './stages/malformed.js';
import { prepare } from './stages/prepare.js';
import { holdReview } from './stages/review.js';
import { openReviewDesk, type ReviewDesk } from './stages/review-desk.js';
import { runUnderLease } from './stages/run-under-lease.js';

/**
 * One privileged action of one agent, from its signed request to its receipt.
 * It fails, with a RefusalCode as failure type, only when the request is refused; every other end is a result.
 */
export async function privilegedAction(input: PrivilegedActionInput): Promise<PrivilegedActionResult> {
  return failingOnMalformed(() => goTheWay(input));
}

async function goTheWay(input: PrivilegedActionInput): Promise<PrivilegedActionResult> {
  const desk = openReviewDesk();
  const request = requestIn(input);
  const prepared = await prepareFirst(desk, request);
  const ended = await reviewAndRun(desk, request, prepared);
  return concludeAlways(desk, prepared.actionId, ended);
}

/** Clean-up is a stage: no cancellation and no failure before it may skip it. */
function concludeAlways(desk: ReviewDesk, actionId: string, ended: Ended): Promise<PrivilegedActionResult> {
  return CancellationScope.nonCancellable(async () => {
    const result = await conclude(desk, actionId, ended);
    await condition(allHandlersFinished);
    return result;
  });
}

/** A refused request may be on record already: it gets its receipt, so that whoever waits for it learns the end. */
async function prepareFirst(desk: ReviewDesk, request: Envelope): Promise<Prepared> {
  try {
    return await prepare(request, 1, null);
  } catch (error) {
    const actionId = actionIdIn(workflowInfo().workflowId);
    if (actionId !== null) await concludeAlways(desk, actionId, endedBy(error, isCancellation(error)));
    throw error;
  }
}

/** Whoever may write to the namespace may start a workflow with any input at all: `prepare` refuses what is no envelope. */
function requestIn(input: unknown): Envelope {
  const request = (input as PrivilegedActionInput | null | undefined)?.request ?? null;
  try {
    // What is nested too deeply to be handed on would fail every workflow task.
    JSON.stringify(request);
    return request as Envelope;
  } catch {
    return null as unknown as Envelope;
  }
}

async function reviewAndRun(desk: ReviewDesk, request: Envelope, first: Prepared): Promise<Ended> {
  const announcer = createAnnouncer(first);
  try {
    let prepared = first;
    for (;;) {
      desk.open(prepared);
      const verdict = await holdReview(desk, prepared, announcer);
      if (verdict.kind === 'not_run') return verdict;
      const answer = await runUnderLease(desk, prepared);
      if (answer.kind === 'finished') return { kind: 'ran' };
      if (prepared.round === MAX_ROUNDS) return targetUnstable();
      prepared = await prepareAgain(desk, request, prepared, answer.reopened);
    }
  } catch (error) {
    return endedBy(error, isCancellation(error));
  } finally {
    announcer.stop();
  }
}

// An automatic action asks nobody: on a target that changes all the time it would go round for ever.
const MAX_ROUNDS = 20;

function targetUnstable(): Ended {
  return {
    kind: 'not_run',
    status: 'refused',
    code: 'target_changed',
    message: `The target changed in each of ${MAX_ROUNDS} rounds.`,
  };
}

async function prepareAgain(
  desk: ReviewDesk,
  request: Envelope,
  before: Prepared,
  reopened: Reopened,
): Promise<Prepared> {
  desk.reopen();
  return prepare(request, before.round + 1, reopened);
}
