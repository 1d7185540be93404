import { timingSafeEqual } from 'node:crypto';
import type { DecisionAnswer } from '../contracts/workflow.js';
import { lackOfGlass } from '../core/break-glass.js';
import { lackOfAssurance, type AssuranceSettings } from '../core/assurance.js';
import { Refusal } from '../core/errors.js';
import { digestOf } from '../core/json.js';
import { requireNoAlarm } from '../enforcement/alarmed.js';
import { lackOfPayment } from '../enforcement/debts.js';
import type { Policy } from '../policy/policy.js';
import type { AlarmState } from '../record/alarms.js';
import { viewAction, type ActionView } from '../record/action-view.js';
import { GLASS_KEY_END } from '../record/debts.js';
import { allOf, type AnyRecorded, type Record as ActionRecord, type Recorded } from '../record/record.js';
import type { ActionWorkflows } from './action-workflows.js';
import { checkApprover } from './approver-check.js';
import type { DecisionRequest, Decisions } from './decisions.js';
import { cleanReason } from './person-reason.js';
import { REFUSALS_PER_ACTION, type Refusals } from './refusals.js';

export interface DecisionsOptions {
  policy: () => Policy;
  record: ActionRecord;
  workflows: Pick<ActionWorkflows, 'openRun' | 'review' | 'decide'>;
  refusals: Refusals;
  /** Which sign-ins are good enough where policy demands a fresh one. */
  assurance: AssuranceSettings;
  clock: () => number;
}

type Decided = Recorded<'decision'>;

/** An action that people are asked about, and the run that asks. */
interface Review {
  view: ActionView & { actionDigest: string };
  runId: string;
  decisions: readonly Decided[];
}

/**
 * Decisions, signed with the gateway's `decision` key and on record before the workflow hears of them. What was
 * recorded but never delivered (Temporal was away) is delivered when the same person sends it again.
 */
export function createDecisions(options: DecisionsOptions): Decisions {
  return {
    async decide(request) {
      const openRun = options.workflows.openRun(request.actionId);
      openRun.catch(() => undefined); // reported where it is awaited, if it is
      const alarms = request.decision === 'approve' ? options.record.alarms() : Promise.resolve([]);
      alarms.catch(() => undefined); // likewise
      const statements = await options.record.ofAction(request.actionId);
      try {
        return await decide(request, statements, { ...options, openRun, alarms });
      } catch (error) {
        if (error instanceof Refusal) await putRefusal(error, request, statements, options);
        throw error;
      }
    },
  };
}

/** With the newest run, and for an approval the alarms, asked for while the record was read. */
type Deciding = DecisionsOptions & { openRun: Promise<string | null>; alarms: Promise<readonly AlarmState[]> };

async function decide(
  request: DecisionRequest,
  statements: readonly AnyRecorded[],
  options: Deciding,
): Promise<DecisionAnswer> {
  const needed = 'A denial needs a reason: the agent and the record are told why.';
  const reason = cleanReason(request.reason, request.decision === 'deny' ? needed : null);
  requireGlassForm(request, reason);
  const sameEvent = allOf(statements, 'decision').find((earlier) => isSameEvent(earlier, request));
  if (sameEvent !== undefined) return answerAgain({ ...request, reason }, sameEvent, statements, options);
  requireNoAlarm(await options.alarms, options.policy().directory);
  const review = await openReview(request, statements, options);
  const person = options.policy().directory.canonical(request.person.id);
  const earlier = review.decisions.find(({ body }) => body.approver.person === person && isFinal(body, request));
  if (earlier !== undefined) return answerSecond(request, review, earlier, options);
  const { breakGlass = false } = request;
  if (breakGlass) await requireGlass(review.view, options);
  const groups = checkApprover({ view: review.view, person, decision: request.decision, breakGlass }, options);
  requireAssurance(request, review.view, options);
  return deliver(await recordDecision(request, { review, person, groups, reason }, options), options);
}

/** A person decides once; who has approved may break the glass besides. */
function isFinal({ decision, breakGlass }: Decided['body'], request: DecisionRequest): boolean {
  return request.breakGlass !== true || decision === 'deny' || breakGlass === true;
}

/** What can be said without looking at the action. */
function requireGlassForm({ breakGlass, decision, via }: DecisionRequest, reason: string): void {
  if (breakGlass !== true) return;
  if (decision === 'deny') throw new Refusal('field_invalid', 'A denial breaks no glass.', 'breakGlass');
  const lack = lackOfGlass({ channel: via.channel, reason });
  if (lack !== null) throw new Refusal(lack.code, lack.message, lack.code === 'reason_missing' ? 'reason' : null);
}

/** The plan offers it, and nothing is owed for an earlier one. The executor asks both again. */
async function requireGlass({ actionId, plan }: ActionView, { record }: DecisionsOptions): Promise<void> {
  if (plan?.breakGlass === undefined)
    throw new Refusal('glass_not_offered', 'Policy lets nobody break the glass for this action.', 'breakGlass');
  const lack = lackOfPayment(await record.debts(), actionId);
  if (lack !== null) throw new Refusal(lack.code, lack.message);
}

function requireAssurance(
  { via, signIn }: DecisionRequest,
  { plan }: ActionView,
  { assurance, clock }: DecisionsOptions,
): void {
  const decided = { channel: via.channel, signIn: signIn ?? null, decidedAtMs: clock() };
  const lack = lackOfAssurance(plan?.assurance ?? 'web', decided, assurance);
  if (lack !== null) throw new Refusal('assurance_required', lack);
}

/** The review that the person was shown, if it is still open. */
async function openReview(
  request: DecisionRequest,
  statements: readonly AnyRecorded[],
  { workflows, openRun }: Deciding,
): Promise<Review> {
  const view = viewOf(statements);
  if (view.state === 'done' || view.state === 'running') throw closed(view);
  const { actionDigest } = view;
  if (actionDigest === null) {
    const message = 'The action is still being prepared: there is nothing to decide yet.';
    throw new Refusal('digest_mismatch', message, 'actionDigest');
  }
  if (!isEqual(actionDigest, request.actionDigest)) {
    const message = 'You were shown another version of this action: look at it again and decide on what it is now.';
    throw new Refusal('digest_mismatch', message, 'actionDigest');
  }
  const runId = await openRun;
  if (runId === null) throw closed(view);
  if (view.state === 'approved' && (await workflows.review(view.actionId, runId)).phase !== 'waiting') {
    throw closed(view);
  }
  const decisions = allOf(statements, 'decision').filter(
    // A decision of an earlier run, before a reset, is not one on this review.
    ({ body }) => body.actionDigest === actionDigest && body.round === view.round && body.runId === runId,
  );
  return { view: { ...view, actionDigest }, runId, decisions };
}

/** A double click, or the same request sent again after a fault: one decision, one answer. */
async function answerAgain(
  request: DecisionRequest,
  decided: Decided,
  statements: readonly AnyRecorded[],
  options: Deciding,
): Promise<DecisionAnswer> {
  const { approver, decision, actionDigest, reason, runId } = decided.body;
  const person = options.policy().directory.canonical(request.person.id);
  const isSame =
    decision === request.decision &&
    actionDigest === request.actionDigest &&
    reason === request.reason &&
    decided.body.breakGlass === request.breakGlass;
  if (approver.person !== person || !isSame) throw eventReused();
  const view = viewOf(statements);
  const isOpen = view.state === 'waiting' || view.state === 'approved';
  if (!isOpen || (await options.openRun) !== runId) return standingOf(view);
  try {
    return await deliver(decided, options);
  } catch (error) {
    // It was delivered before, and the review went on since.
    const heard = error instanceof Refusal && (error.code === 'already_decided' || error.code === 'action_closed');
    if (heard) return standingOf(view);
    throw error;
  }
}

/** The same person again by another event. Delivers what is on record if the workflow never heard of it. */
async function answerSecond(
  request: DecisionRequest,
  review: Review,
  earlier: Decided,
  options: DecisionsOptions,
): Promise<DecisionAnswer> {
  const { approver, decision } = earlier.body;
  const refusal = alreadyDecided(earlier);
  // A click in a chat must not deliver what breaks the glass, nor the other way round.
  if (decision !== request.decision || earlier.body.breakGlass !== request.breakGlass) throw refusal;
  const { phase, approvals, breaking = [] } = await options.workflows.review(review.view.actionId, review.runId);
  const heard = request.breakGlass === true ? breaking : approvals;
  if (phase !== 'waiting' || heard.includes(approver.person)) throw refusal;
  return deliver(earlier, options);
}

function deliver({ body, actionId, envelope }: Decided, { workflows }: DecisionsOptions): Promise<DecisionAnswer> {
  if (actionId === null) throw new Error('deliver: a decision is always about an action');
  return workflows.decide({ actionId, runId: body.runId, updateId: updateIdOf(body.via) }, envelope);
}

async function putRefusal(
  refusal: Refusal,
  request: DecisionRequest,
  statements: readonly AnyRecorded[],
  { policy, refusals }: DecisionsOptions,
): Promise<void> {
  const { person, ...sent } = request;
  const who = `person/${policy().directory.canonical(person.id)}`;
  await refusals.put(refusal, { action: actionOf(statements), who, sentDigest: digestOfSent(sent), source: who });
}

function viewOf(statements: readonly AnyRecorded[]): ActionView {
  const view = viewAction(statements);
  if (view === undefined) throw new Refusal('action_unknown', 'There is no such action.', 'actionId');
  return view;
}

async function recordDecision(
  request: DecisionRequest,
  { review, person, groups, reason }: { review: Review; person: string; groups: string[]; reason: string },
  { record, clock }: DecisionsOptions,
): Promise<Decided> {
  const { view, runId } = review;
  const { via, decision, breakGlass, signIn } = request;
  const [recorded] = await record.append([
    {
      kind: 'decision',
      actionId: view.actionId,
      requestDigest: view.requestDigest,
      // A person decides once a review: of several clicks at the same time the record keeps the first.
      key: `${runId}/${String(view.round)}/${person}${breakGlass === true ? GLASS_KEY_END : ''}`,
      body: {
        round: view.round,
        actionDigest: view.actionDigest,
        runId,
        decision,
        ...(breakGlass === true && { breakGlass }),
        reason,
        approver: { person, groups },
        via: { channel: via.channel, subject: via.subject, eventId: via.eventId },
        ...(signIn !== undefined && { signIn }),
        decidedAtMs: clock(),
      },
    },
  ]);
  if (recorded?.kind !== 'decision') throw new Error('recordDecision: the record answered with something else');
  const isSame = recorded.body.decision === decision;
  // Of one event that comes twice at once, with two contents, the first is on record.
  if (isSameEvent(recorded, request) && !(isSame && recorded.body.reason === reason)) throw eventReused();
  if (!isSame) throw alreadyDecided(recorded);
  return recorded;
}

function actionOf(statements: readonly AnyRecorded[]): { actionId: string; requestDigest: string } | null {
  const view = viewAction(statements);
  if (view === undefined || view.refusals.length >= REFUSALS_PER_ACTION) return null;
  return { actionId: view.actionId, requestDigest: view.requestDigest };
}

function standingOf(view: ActionView): DecisionAnswer {
  const denied = view.decisions.some(({ current, decision }) => current && decision === 'deny');
  const filled = view.quorum?.filled === true || view.breakGlass?.state === 'broken';
  const state = denied ? 'denied' : filled ? 'filled' : 'waiting';
  const glass = view.plan?.breakGlass === undefined ? {} : { glass: view.breakGlass?.open ?? [] };
  return { state, open: view.quorum?.open ?? [], ...glass };
}

function closed(view: ActionView): Refusal {
  const why = view.outcome === null ? `it is ${view.state}` : `${view.outcome.status}: ${view.outcome.message}`;
  return new Refusal('action_closed', `The review of this action is closed (${why}).`, 'actionId');
}

function alreadyDecided({ body }: Decided): Refusal {
  return new Refusal('already_decided', `You have decided already: ${body.decision}. A person decides once.`);
}

function eventReused(): Refusal {
  return new Refusal('idempotency_key_reused', 'This event was already used for another decision.', 'Idempotency-Key');
}

function isSameEvent({ body }: Decided, { via }: DecisionRequest): boolean {
  return body.via.channel === via.channel && body.via.eventId === via.eventId;
}

function updateIdOf({ channel, subject, eventId }: DecisionRequest['via']): string {
  // The subject, too: two people may happen to use one idempotency key.
  return `${channel}:${subject}:${eventId}`;
}

function isEqual(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function digestOfSent(sent: unknown): string | null {
  try {
    return digestOf(sent);
  } catch {
    return null;
  }
}
