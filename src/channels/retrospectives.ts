import { lackOfAssurance, type AssuranceSettings } from '../core/assurance.js';
import { Refusal } from '../core/errors.js';
import type { SignInProof, StatementBody } from '../core/schemas/statements.js';
import type { Directory, Person } from '../directory/directory.js';
import { requireNoAlarm } from '../enforcement/alarmed.js';
import type { Policy } from '../policy/policy.js';
import { debtOf, type Debt } from '../record/debts.js';
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
   *   `not_an_approver`, `assurance_required`, `reason_missing`, `alarm_stands`.
   */
  review(request: RetrospectiveRequest): Promise<DebtState>;
}

export function createRetrospectives(options: RetrospectivesOptions): Retrospectives {
  const { record, policy, clock } = options;
  return {
    async list() {
      const { debts, unreadable } = await record.debts();
      const all = await record.ofActions(debts.map(({ actionId }) => actionId));
      const lost = debts.filter((_, index) => all[index] instanceof Refusal).map(({ actionId }) => actionId);
      const states = all.flatMap((statements) => {
        const owed = statements instanceof Refusal ? null : owedFor(statements, policy());
        return owed === null ? [] : [stateOf(owed, clock())];
      });
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
  const plan = allOf(statements, 'plan').findLast(({ body }) => body.actionDigest === claim?.body.actionDigest)?.body;
  if (debt === null || request === undefined || plan === undefined) return null;
  const { agent } = request.body;
  const isKnown = directory.agent(agent) !== undefined;
  const barred = [...plan.barred, ...(isKnown ? directory.barredFor(agent, provenanceOf(statements)) : [])];
  const excluded = new Map<string, string>();
  for (const { person, because } of barred) excluded.set(directory.canonical(person), because);
  for (const person of debt.by) {
    // Whoever broke it in somebody's place gave that one's word, too.
    for (const giver of directory.standsInFor(person, debt.claimedAtMs))
      excluded.set(giver, `${person} broke the glass in their place`);
    excluded.set(directory.canonical(person), 'broke the glass');
  }
  const target = latest(statements, 'preview')?.body.target.name ?? null;
  const requestDigest = request.statement.subject[0].digest.sha256;
  return { debt, request: request.body, requestDigest, plan, target, directory, excluded };
}

function stateOf({ debt, request, plan, target, directory, excluded }: Owed, nowMs: number): DebtState {
  const { actionId, by, claimedAtMs, dueAtMs, open } = debt;
  const owed = { plan, directory, excluded, nowMs };
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

/**
 * Canonical people who speak for a group of the plan: its members but for those excluded. Where nobody is left, those of the
 * group that lets work go on again: a debt that nobody can pay would shut the glass for ever.
 */
function payersOf(
  group: string,
  { directory, excluded, nowMs }: Pick<Owed, 'directory' | 'excluded'> & { nowMs: number },
): string[] {
  const present = directory.at(nowMs, [...excluded.keys()]);
  const membersOf = (name: string): string[] =>
    (directory.hasGroup(name) ? present.membersOf(name) : []).filter((person) => !excluded.has(person));
  const members = membersOf(group);
  const unfreezers = directory.unfreezeGroup();
  return members.length > 0 || unfreezers === null ? members : membersOf(unfreezers);
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
  if (owed === null)
    throw new Refusal('debt_unknown', 'The glass was not broken for this action: nothing is owed for it.', 'actionId');
  const { debt, directory, requestDigest } = owed;
  const person = directory.canonical(request.person.id);
  const nowMs = clock();
  const mine = debt.retrospectives.find(({ body }) => directory.canonical(body.by.person) === person);
  if (mine?.body.verdict === verdict) return stateOf(owed, nowMs);
  if (mine !== undefined)
    throw new Refusal('already_reviewed', `You have reviewed it already: ${mine.body.verdict}. A person does once.`);
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
  const drafts: AnyDraft[] = [{ kind: 'retrospective', actionId, requestDigest, body, key: `${debt.claim}/${person}` }];
  if (verdict === 'unjustified') drafts.push(incidentOf(owed, person, nowMs));
  await record.append(drafts);
  wake(actionId).catch(onInternal);
  return stateOf(owedFor(await record.ofAction(actionId), policy()) ?? owed, nowMs);
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
      openedAtMs: nowMs,
    },
    key: `${UNJUSTIFIED_BREAK_GLASS}/${person}`,
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
