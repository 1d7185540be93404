import type { Provenance } from '../directory/directory.js';
import { debtOf, type Debt } from './debts.js';
import { liftsOf } from './freezes.js';
import { provenanceOf } from './provenance.js';
import { allOf, type AnyRecorded, type Recorded } from './record.js';
import type { Redaction } from '../core/redact.js';
import { countGlass, countQuorum, type QuorumState } from '../core/quorum.js';
import type { ActionRequest, Flag, Outcome, Preview, ReviewPlan, Severity, TargetRef } from '../core/schemas/action.js';
import type { ReviewContext, SignInProof, StatementBody, StatementKind } from '../core/schemas/statements.js';

/** Where an action stands, as its statements tell. */
export type ActionState = 'preparing' | 'waiting' | 'approved' | 'running' | 'done';

/** One person's decision as the record has it. */
export interface DecisionView {
  person: string;
  decision: 'approve' | 'deny';
  reason: string;
  channel: string;
  groups: readonly string[];
  decidedAtMs: number;
  runId: string;
  /** How the identity provider says they proved who they are; absent where the channel does not know. */
  signIn?: SignInProof;
  /** This approval breaks the glass. */
  breakGlass?: true;
  /** False once the review was reopened after it, or a later run of the workflow took over (a reset). */
  current: boolean;
}

/** One lease of the action. */
export interface LeaseView {
  accessor: string;
  purpose: 'preview' | 'execute' | 'probe';
  /** The name by which the target knows it; of several credentials, all names. Null before. */
  username: string | null;
  leasedAtMs: number;
  revokedAtMs: number | null;
  proofs: readonly { asked: string; answer: string }[];
}

/** The agent's own log, as far as it is known. Its text is in the content store. */
export interface LogsView {
  /** As the signed request names it. */
  sentSha256: string;
  /** What is kept, its secrets left out; null when the agent named a log but did not send it. */
  stored: { sha256: string; bytes: number; redactions: readonly Redaction[] } | null;
}

/** A finding that made the effect another one than was declared. */
export interface IncidentView {
  code: string;
  severity: Severity;
  sentence: string;
  openedAtMs: number;
}

/** Its agent was frozen for what this action did. */
export interface FreezeView {
  agent: string;
  frozenAtMs: number;
  /** Null while it is frozen. */
  lifted: { person: string; reason: string; atMs: number } | null;
}

/** How its reviewers look at what was run behind a broken glass. */
export interface DebtView {
  /** Digest of the claim that opened it. */
  claim: string;
  /** Canonical people who broke the glass: none of them reviews it. */
  by: readonly string[];
  claimedAtMs: number;
  dueAtMs: number;
  /** Groups of the plan's stages for whom nobody has looked yet; empty: it is paid. */
  open: readonly string[];
  retrospectives: readonly {
    person: string;
    /** For whom they speak. */
    groups: readonly string[];
    verdict: 'justified' | 'unjustified';
    reason: string;
    atMs: number;
  }[];
}

/** Whether the glass may be broken, was broken, and whether that was reviewed since. */
export interface BreakGlassView {
  /** `offered`: enough people may break it. `broken`: they have, and it runs for that. `owed`, `paid`: the review of that. */
  state: 'offered' | 'broken' | 'owed' | 'paid';
  /** Places for which still nobody breaks it, by group. */
  open: QuorumState['open'];
  /** Who breaks it and why, in the current round; of what was claimed, who did. */
  by: readonly { person: string; reason: string; atMs: number }[];
  /** Null until the executor has taken the action because the glass was broken. */
  debt: DebtView | null;
}

/** One line of the action's history. */
export interface TimelineEntry {
  kind: StatementKind;
  atMs: number;
  /** Who states it: the key's id. */
  signedBy: string;
  digest: string;
}

/** All that people and programs are shown of an action: a pure function of its statements. */
export interface ActionView {
  actionId: string;
  requestDigest: string;
  state: ActionState;
  request: ActionRequest;
  /** Null when the agent named no log. */
  logs: LogsView | null;
  /** From the worker's preview: who else is affected, and what the agent did before. */
  context: ReviewContext | null;
  /** From the worker's preview; absent while preparing. */
  target: TargetRef | null;
  preview: Preview | null;
  flags: readonly Flag[];
  risk: Severity;
  round: number;
  plan: ReviewPlan | null;
  policy: { digest: string; number: number } | null;
  actionDigest: string | null;
  /** On whose behalf it was asked for, by their verified tokens; null when none came with the request. */
  provenance: Provenance | null;
  barred: readonly { person: string; because: string }[];
  reopened: StatementBody<'plan'>['reopened'];
  openedAtMs: number | null;
  expiresAtMs: number;
  decisions: readonly DecisionView[];
  escalated: readonly { group: string; firedAtMs: number }[];
  /** How far the current round's approvals fill the plan; null without a plan. */
  quorum: QuorumState | null;
  /** Null when its plan does not let anyone break the glass. */
  breakGlass: BreakGlassView | null;
  leases: readonly LeaseView[];
  outcome: Outcome | null;
  incidents: readonly IncidentView[];
  freeze: FreezeView | null;
  /** `none`: no credential was ever leased to run it. `open`: the end is not yet proven. */
  lease: 'none' | 'open' | 'revoked';
  receipt: { digest: string; concludedAtMs: number; closing: boolean } | null;
  refusals: readonly { code: string; field: string | null; message: string; who: string | null; atMs: number }[];
  timeline: readonly TimelineEntry[];
}

const SEVERITIES: readonly Severity[] = ['info', 'low', 'medium', 'high', 'critical'];

/** The gravest of an action's flags; `info` without any. */
export function riskOf(flags: readonly Flag[]): Severity {
  return flags.reduce<Severity>(
    (worst, flag) => (SEVERITIES.indexOf(flag.severity) > SEVERITIES.indexOf(worst) ? flag.severity : worst),
    'info',
  );
}

/** Folds an action's statements into what is shown. Undefined when no request is on record. */
export function viewAction(statements: readonly AnyRecorded[]): ActionView | undefined {
  const of = <K extends StatementKind>(kind: K): Recorded<K>[] => allOf(statements, kind);
  const request = of('request')[0];
  if (request === undefined) return undefined;
  const preview = of('preview').at(-1)?.body;
  const plan = of('plan').at(-1)?.body;
  const receipt = of('receipt').at(-1);
  const round = plan?.round ?? 1;
  const run = newestRunOf(statements);
  const decisions = of('decision').map(({ body }) => toDecisionView(body, plan, run));
  const escalated = of('escalation')
    .filter(({ body }) => body.round === round)
    .map(({ body }) => ({ group: body.group, firedAtMs: body.firedAtMs }));
  const quorum = quorumOf(
    plan?.plan,
    decisions,
    escalated.map(({ group }) => group),
  );
  const breakGlass = toBreakGlassView(statements, { plan: plan?.plan, decisions, quorum });
  const leases = toLeaseViews(statements);
  const result = of('result').at(-1)?.body;
  return {
    actionId: request.body.actionId,
    requestDigest: request.statement.subject[0].digest.sha256,
    state: stateOf({
      done: receipt !== undefined,
      planned: plan !== undefined,
      filled: quorum?.filled === true || breakGlass?.state === 'broken',
      claimed: of('claim').some(({ body }) => body.actionDigest === plan?.actionDigest),
    }),
    request: request.body,
    logs: toLogsView(request.body, of('attachment')),
    context: preview?.context ?? null,
    target: preview?.target ?? null,
    preview: preview?.preview ?? null,
    flags: preview?.flags ?? [],
    risk: riskOf(preview?.flags ?? []),
    round,
    plan: plan?.plan ?? null,
    policy: plan?.policy ?? null,
    actionDigest: plan?.actionDigest ?? null,
    provenance: provenanceOf(statements),
    barred: plan?.barred ?? [],
    reopened: plan?.reopened ?? null,
    openedAtMs: plan?.openedAtMs ?? null,
    expiresAtMs: plan?.snapshot.expiresAtMs ?? request.body.expiresAtMs,
    decisions,
    escalated,
    quorum,
    breakGlass,
    leases,
    outcome: receipt?.body.outcome ?? result?.outcome ?? null,
    incidents: of('incident').map(({ body: { code, severity, sentence, openedAtMs } }) => ({
      code,
      severity,
      sentence,
      openedAtMs,
    })),
    freeze: toFreezeView(statements),
    lease: leaseStateOf(leases),
    receipt:
      receipt === undefined
        ? null
        : { digest: receipt.digest, concludedAtMs: receipt.body.concludedAtMs, closing: receipt.body.closing },
    refusals: of('refusal').map(toRefusalView),
    timeline: statements.map(toTimelineEntry),
  };
}

function toLogsView({ logs }: ActionRequest, attached: readonly Recorded<'attachment'>[]): LogsView | null {
  if (logs === undefined) return null;
  const found = attached.find(({ body }) => body.sentSha256 === logs.sha256)?.body;
  const stored =
    found === undefined ? null : { sha256: found.storedSha256, bytes: found.bytes, redactions: found.redactions };
  return { sentSha256: logs.sha256, stored };
}

function toFreezeView(statements: readonly AnyRecorded[]): FreezeView | null {
  const freeze = allOf(statements, 'freeze').at(-1);
  // What a person froze is about no action.
  if (freeze?.body.because !== 'effect_mismatch') return null;
  const lift = liftsOf(freeze, statements)[0]?.body;
  const { agent, frozenAtMs } = freeze.body;
  const lifted = lift === undefined ? null : { person: lift.by.person, reason: lift.reason, atMs: lift.unfrozenAtMs };
  return { agent, frozenAtMs, lifted };
}

function quorumOf(
  plan: ReviewPlan | undefined,
  decisions: readonly DecisionView[],
  escalated: readonly string[],
): QuorumState | null {
  if (plan === undefined) return null;
  const approvals = decisions.filter((decision) => decision.current && decision.decision === 'approve');
  return countQuorum(plan, approvals, escalated);
}

function toBreakGlassView(
  statements: readonly AnyRecorded[],
  at: { plan: ReviewPlan | undefined; decisions: readonly DecisionView[]; quorum: QuorumState | null },
): BreakGlassView | null {
  const breaking = at.decisions.filter(({ breakGlass }) => breakGlass === true);
  const current = breaking.filter((decision) => decision.current);
  const glass = at.plan === undefined ? null : countGlass(at.plan, current);
  const debt = debtOf(statements);
  if (glass === null && debt === null) return null;
  const broken = glass?.filled === true && at.quorum?.filled !== true;
  const by = debt === null ? current : breaking.filter(({ person }) => debt.by.includes(person));
  return {
    state: debt === null ? (broken ? 'broken' : 'offered') : debt.open.length > 0 ? 'owed' : 'paid',
    open: glass?.open ?? [],
    by: by.map(({ person, reason, decidedAtMs }) => ({ person, reason, atMs: decidedAtMs })),
    debt: debt === null ? null : toDebtView(debt),
  };
}

function toDebtView({ claim, by, claimedAtMs, dueAtMs, open, retrospectives }: Debt): DebtView {
  return {
    claim,
    by,
    claimedAtMs,
    dueAtMs,
    open,
    retrospectives: retrospectives.map(({ body }) => ({
      person: body.by.person,
      groups: body.by.groups,
      verdict: body.verdict,
      reason: body.reason,
      atMs: body.reviewedAtMs,
    })),
  };
}

function toRefusalView({ body, recordedAtMs }: Recorded<'refusal'>): ActionView['refusals'][number] {
  const { code, field, message, who } = body;
  return { code, field, message, who, atMs: recordedAtMs };
}

function toTimelineEntry({ kind, recordedAtMs, envelope, digest }: AnyRecorded): TimelineEntry {
  return { kind, atMs: recordedAtMs, signedBy: envelope.signatures[0]?.keyid ?? '', digest };
}

function toDecisionView(
  body: Recorded<'decision'>['body'],
  plan: Pick<Recorded<'plan'>['body'], 'actionDigest' | 'round'> | undefined,
  run: string | null,
): DecisionView {
  return {
    person: body.approver.person,
    decision: body.decision,
    reason: body.reason,
    channel: body.via.channel,
    groups: body.approver.groups,
    decidedAtMs: body.decidedAtMs,
    runId: body.runId,
    ...(body.signIn !== undefined && { signIn: body.signIn }),
    ...(body.breakGlass && { breakGlass: true }),
    // The digest alone may be the same again: when the request's own expiry bounds both rounds.
    current: body.actionDigest === plan?.actionDigest && body.round === plan.round && body.runId === run,
  };
}

/** The run that last put something on record. A reset run that has not done so yet is not known here. */
function newestRunOf(statements: readonly AnyRecorded[]): string | null {
  return statements.map(runOf).findLast((run) => run !== null) ?? null;
}

function runOf(statement: AnyRecorded): string | null {
  if (statement.kind === 'decision' || statement.kind === 'escalation' || statement.kind === 'claim')
    return statement.body.runId;
  // A plan names its run in its key alone: `<run>/<round>`, unsigned. Good enough to show; the executor compares decisions.
  return statement.kind === 'plan' ? (/^([^/]+)\/\d+$/.exec(statement.key ?? '')?.[1] ?? null) : null;
}

function stateOf(at: { done: boolean; planned: boolean; filled: boolean; claimed: boolean }): ActionState {
  if (at.done) return 'done';
  if (!at.planned) return 'preparing';
  if (at.claimed) return 'running';
  return at.filled ? 'approved' : 'waiting';
}

function toLeaseViews(statements: readonly AnyRecorded[]): LeaseView[] {
  const views = new Map<string, LeaseView>();
  for (const statement of statements) {
    if (statement.kind === 'lease') {
      const { accessor, purpose, leasedAtMs } = statement.body;
      views.set(accessor, { accessor, purpose, username: null, leasedAtMs, revokedAtMs: null, proofs: [] });
    } else if (statement.kind === 'credential') {
      const view = views.get(statement.body.accessor);
      const { username } = statement.body;
      if (view !== undefined) view.username = view.username === null ? username : `${view.username}, ${username}`;
    }
  }
  // After all leases: the notary may have ended one before its process could put it on record.
  for (const { body } of allOf(statements, 'revocation')) {
    const view = views.get(body.accessor);
    if (view === undefined) continue;
    view.revokedAtMs = body.revokedAtMs;
    view.proofs = body.proofs;
  }
  return [...views.values()];
}

function leaseStateOf(leases: readonly LeaseView[]): ActionView['lease'] {
  if (leases.some((lease) => lease.revokedAtMs === null)) return 'open';
  return leases.some((lease) => lease.purpose === 'execute') ? 'revoked' : 'none';
}
