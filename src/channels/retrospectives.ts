import { lackOfAssurance, type AssuranceSettings } from '../core/assurance.js';
import { Refusal } from '../core/errors.js';
import type { SignInProof, StatementBody } from '../core/schemas/statements.js';
import type { Directory, Person } from '../directory/directory.js';
import { requireNoAlarm } from '../enforcement/alarmed.js';
import { excludedFromReview, payersOf, type Breaker } from '../policy/payers.js';
import type { Policy } from '../policy/policy.js';
import { claimedPlan, debtOf, type Debt } from '../record/debts.js';
import { provenanceOf } from '../record/provenance.js';
import { allOf, latest, type AnyDraft, type AnyRecorded, type Record as ActionRecord } from '../record/record.js';
import { UNJUSTIFIED_BREAK_GLASS } from '../record/verify-statement.js';
import { cleanReason } from './person-reason.js';
import { REFUSALS_PER_ACTION, type Refusals } from './refusals.js';

export interface RetrospectivesOptions {
  policy: () => Policy;
  record: Pick<ActionRecord, 'ofAction' | 'ofActions' | 'debts' | 'alarms' | 'append'>;
  refusals: Refusals;
  assurance: AssuranceSettings;
  /** Tells the workflow that waits for the review to look at the record; it looks by itself, too. */
  wake: (actionId: string) => Promise<void>;
  clock: () => number;
  onInternal: (error: unknown) => void;
}

export interface RetrospectiveRequest {
  actionId: string;
  verdict: 'justified' | 'unjustified';
  reason: string;
  /** Whom the channel authenticated. */
  person: Person;
  via: { channel: string; subject: string };
  signIn?: SignInProof;
}

/** What is owed for one broken glass, and by whom. */
export interface DebtState {
  actionId: string;
  agent: string;
  operation: string;
  /** Null when its preview cannot be read. */
  target: string | null;
  by: readonly string[];
  claimedAtMs: number;
  dueAtMs: number;
  isOverdue: boolean;
  /** Groups for whom nobody has looked yet; empty: it is paid. */
  open: readonly string[];
  /** Canonical people who may review it for one of these groups, sorted. */
  mayReview: readonly string[];
}

/** Reviews of broken glasses. */
export interface Retrospectives {
  /** Unpaid ones, oldest first. */
  list(): Promise<{ debts: DebtState[]; unreadable: string[] }>;
  /**
   * Puts a person's review on record, signed with the gateway's key `decision`; `unjustified` opens an incident. The same
   * again changes nothing.
   * @returns how the debt stands then.
   * @throws Refusal on record: `debt_unknown`, `already_reviewed`, `self_approval` for who broke the glass or is barred,
   *   `not_an_approver`, `assurance_required`, `reason_missing`, `alarm_stands`, `statement_invalid` where its plan is gone.
   */
  review(request: RetrospectiveRequest): Promise<DebtState>;
}

export function createRetrospectives(options: RetrospectivesOptions): Retrospectives {
  const { record, policy, clock } = options;
  return {
    async list() {
      const { debts, unreadable } = await record.debts();
      const all = await record.ofActions(debts.map(({ actionId }) => actionId));
      const owed = all.map((statements) => (statements instanceof Refusal ? null : owedFor(statements, policy())));
      // What blocks everybody is on the list, also where nobody can tell any more who pays it.
      const lost = debts.filter((_, index) => owed[index] === null).map(({ actionId }) => actionId);
      const states = owed.flatMap((one) => (one === null ? [] : [stateOf(one, clock())]));
      return { debts: states, unreadable: [...unreadable, ...lost] };
    },
    async review(request) {
      const statements = await record.ofAction(request.actionId);
      try {
        return await review(request, statements, options);
      } catch (error) {
        if (error instanceof Refusal) await putRefusal(error, request, statements, options);
        throw error;
      }
    },
  };
}

/** A debt with all that tells who pays it. */
interface Owed {
  debt: Debt;
  request: StatementBody<'request'>;
  requestDigest: string;
  plan: StatementBody<'plan'>;
  target: string | null;
  directory: Directory;
  /** Canonical people who may not review it, each with the reason. */
  excluded: ReadonlyMap<string, string>;
}

function owedFor(statements: readonly AnyRecorded[], { directory }: Policy): Owed | null {
  const debt = debtOf(statements, (person) => directory.canonical(person));
  const request = allOf(statements, 'request')[0];
  const claim = allOf(statements, 'claim').find(({ digest }) => digest === debt?.claim);
  const plan = claim === undefined ? undefined : claimedPlan(statements, claim);
  if (debt === null || request === undefined || plan === undefined) return null;
  const { agent } = request.body;
  const isKnown = directory.agent(agent) !== undefined;
  const barred = [...plan.barred, ...(isKnown ? directory.barredFor(agent, provenanceOf(statements)) : [])];
  const excluded = excludedFromReview(directory, { barred, breakers: breakersOf(statements, debt, directory) });
  const target = latest(statements, 'preview')?.body.target.name ?? null;
  const requestDigest = request.statement.subject[0].digest.sha256;
  return { debt, request: request.body, requestDigest, plan, target, directory, excluded };
}

/**
 * Who broke it, each with when they said so: a voice that they had then is in it, though it was taken back before the claim.
 * Without such a word on record, when it was claimed.
 */
function breakersOf(statements: readonly AnyRecorded[], { by, claimedAtMs }: Debt, directory: Directory): Breaker[] {
  const said = allOf(statements, 'decision').filter(({ body }) => body.decision === 'approve' && body.breakGlass);
  return by.flatMap((person) => {
    const human = directory.canonical(person);
    const words = said.filter(({ body }) => directory.canonical(body.approver.person) === human);
    const times = words.length === 0 ? [claimedAtMs] : words.map(({ body }) => body.decidedAtMs);
    return times.map((decidedAtMs) => ({ person, decidedAtMs }));
  });
}

function stateOf({ debt, request, target, directory, excluded }: Owed, nowMs: number): DebtState {
  const { actionId, by, claimedAtMs, dueAtMs, open } = debt;
  const owed = { directory, excluded, nowMs };
  const people = new Set(open.flatMap((group) => payersOf(group, owed)));
  const reviewed = new Set(debt.retrospectives.map(({ body }) => directory.canonical(body.by.person)));
  return {
    actionId,
    agent: request.agent,
    operation: request.operation,
    target,
    by,
    claimedAtMs,
    dueAtMs,
    isOverdue: nowMs >= dueAtMs && open.length > 0,
    open,
    mayReview: [...people].filter((person) => !reviewed.has(person)).sort(),
  };
}

async function review(
  request: RetrospectiveRequest,
  statements: readonly AnyRecorded[],
  options: RetrospectivesOptions,
): Promise<DebtState> {
  const { record, policy, clock, wake, onInternal } = options;
  const { verdict } = request;
  if (latest(statements, 'request') === undefined)
    throw new Refusal('action_unknown', 'There is no such action.', 'actionId');
  const owed = owedFor(statements, policy());
  if (owed === null && debtOf(statements) !== null)
    throw new Refusal(
      'statement_invalid',
      'The glass was broken, and the plan that was claimed is not on record: nobody can tell who reviews it.',
    );
  if (owed === null)
    throw new Refusal('debt_unknown', 'The glass was not broken for this action: nothing is owed for it.', 'actionId');
  const { debt, directory, requestDigest } = owed;
  const person = directory.canonical(request.person.id);
  const nowMs = clock();
  const mine = debt.retrospectives.find(({ body }) => directory.canonical(body.by.person) === person);
  if (mine?.body.verdict === verdict) {
    // It may have been cut off before its incident was on record.
    if (verdict === 'unjustified') await record.append([incidentOf(owed, person, mine.body.reviewedAtMs)]);
    return stateOf(owed, nowMs);
  }
  if (mine !== undefined) throw alreadyReviewed(mine.body.verdict);
  const needed = 'Say what you found, and why it was justified or not: it goes on record.';
  const reason = cleanReason(request.reason, needed);
  const groups = requirePayer(person, owed, nowMs);
  requireAssurance(request, owed, options);
  requireNoAlarm(await record.alarms(), directory);
  const { actionId, via, signIn } = request;
  const body = {
    claim: debt.claim,
    verdict,
    reason,
    by: { person, groups },
    via,
    ...(signIn !== undefined && { signIn }),
    reviewedAtMs: nowMs,
  };
  const key = `${debt.claim}/${person}`;
  const [kept] = await record.append([{ kind: 'retrospective', actionId, requestDigest, body, key }]);
  if (kept?.kind !== 'retrospective') throw new Error('review: the record answered with something else');
  // Of two words of one person at the same moment the record keeps the first.
  if (kept.body.verdict !== verdict) throw alreadyReviewed(kept.body.verdict);
  if (verdict === 'unjustified') await record.append([incidentOf(owed, person, kept.body.reviewedAtMs)]);
  wake(actionId).catch(onInternal);
  return stateOf(owedFor(await record.ofAction(actionId), policy()) ?? owed, nowMs);
}

function alreadyReviewed(verdict: string): Refusal {
  return new Refusal('already_reviewed', `You have reviewed it already: ${verdict}. A person does once.`);
}

/** @returns the groups for which they speak, sorted. */
function requirePayer(person: string, owed: Owed, nowMs: number): string[] {
  const { plan, excluded } = owed;
  const because = excluded.get(person);
  if (because !== undefined)
    throw new Refusal(
      'self_approval',
      `You may not review this: you ${because === 'broke the glass' ? because : `are barred (${because})`}.`,
    );
  const stages = plan.plan.stages.map(({ group }) => group);
  const groups = stages.filter((group) => payersOf(group, { ...owed, nowMs }).includes(person));
  if (groups.length > 0) return groups;
  throw new Refusal('not_an_approver', `You are in none of the groups whose people review this: ${stages.join(', ')}.`);
}

function requireAssurance(
  { via, signIn }: RetrospectiveRequest,
  { plan }: Owed,
  { assurance, clock }: RetrospectivesOptions,
): void {
  const decided = { channel: via.channel, signIn: signIn ?? null, decidedAtMs: clock() };
  const lack = lackOfAssurance(plan.plan.assurance, decided, assurance);
  if (lack !== null) throw new Refusal('assurance_required', lack);
}

function incidentOf({ debt, request, requestDigest }: Owed, person: string, nowMs: number): AnyDraft {
  const sentence = `${person} found that breaking the glass for ${request.operation} was not justified; ${debt.by.join(' and ')} did.`;
  return {
    kind: 'incident',
    actionId: debt.actionId,
    requestDigest,
    body: {
      actionId: debt.actionId,
      agent: request.agent,
      code: UNJUSTIFIED_BREAK_GLASS,
      severity: 'high',
      sentence: sentence.slice(0, 500),
      by: [...debt.by],
      openedAtMs: nowMs,
    },
    key: `${UNJUSTIFIED_BREAK_GLASS}/${debt.claim}/${person}`,
  };
}

async function putRefusal(
  refusal: Refusal,
  { person, actionId }: RetrospectiveRequest,
  statements: readonly AnyRecorded[],
  { policy, refusals }: RetrospectivesOptions,
): Promise<void> {
  const who = `person/${policy().directory.canonical(person.id)}`;
  const request = latest(statements, 'request');
  const isFull = allOf(statements, 'refusal').length >= REFUSALS_PER_ACTION;
  const requestDigest = request?.statement.subject[0].digest.sha256;
  const action = requestDigest === undefined || isFull ? null : { actionId, requestDigest };
  await refusals.put(refusal, { action, who, sentDigest: null, source: who });
}
