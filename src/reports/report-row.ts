import type { Severity } from '../core/schemas/action.js';
import type { StatementsVerdict } from '../evidence/verify-statements.js';
import { viewAction, type ActionView, type DebtView } from '../record/action-view.js';
import { allOf, latest, type AnyRecorded } from '../record/record.js';

/** One person's decision on an action. */
export interface ReportDecision {
  person: string;
  decision: 'approve' | 'deny';
  channel: string;
  decidedAtMs: number;
  /** From when the review that they decided on was shown; null when it is not on record. */
  dwellMs: number | null;
  breakGlass: boolean;
}

/** One credential's life. */
export interface ReportLease {
  purpose: 'preview' | 'execute' | 'probe';
  /** As the target knows it; null when none was issued under it. */
  username: string | null;
  leasedAtMs: number;
  /** When it had to be proven gone; see `docs/reports.md`. */
  dueAtMs: number;
  /** Null: its end is not proven. */
  revokedAtMs: number | null;
  /** How many answers prove that it is gone. */
  proofs: number;
  overdue: boolean;
}

/** A glass that was broken, and what its reviewers found. */
export interface ReportBrokenGlass {
  /** Who broke it, and why, in their own words. */
  by: { person: string; reason: string; atMs: number }[];
  /** When the executor took the action because of it. */
  brokenAtMs: number;
  dueAtMs: number;
  /** One for each person, oldest first. */
  retrospectives: {
    person: string;
    groups: string[];
    verdict: 'justified' | 'unjustified';
    reason: string;
    atMs: number;
  }[];
  /** Groups for whom nobody has looked yet. */
  open: string[];
  /** When the last group had looked; null: it is owed. */
  paidAtMs: number | null;
  /** From broken to paid. */
  timeToPayMs: number | null;
  /** Paid late, or owed and late. */
  overdue: boolean;
}

/** An attempt that was refused, under an action. */
export interface ReportRefusal {
  code: string;
  who: string | null;
  message: string;
}

/** One privileged action: all of it out of signed statements that verified. */
export interface ReportRow {
  actionId: string;
  /** Null with all that follows from it, when the request itself did not verify. */
  agent: string | null;
  /** People whom the signed plan names as owners of the agent; empty before it was planned. */
  owners: string[];
  /** By their own verified tokens; empty when none came. */
  prompters: string[];
  operation: string | null;
  target: string | null;
  environment: string | null;
  summary: string;
  reason: string;
  risk: Severity | null;
  /** Codes of what the preview found. */
  flags: string[];
  requestedAtMs: number | null;
  openedAtMs: number | null;
  /** When its effect began; null: nothing ran. */
  startedAtMs: number | null;
  concludedAtMs: number | null;
  /** How it ended; `open` while it has not. */
  outcome: string;
  outcomeCode: string | null;
  /** Whether policy asked nobody; null before it was planned. */
  automatic: boolean | null;
  /** As policy writes it, e.g. `1 of dba and 1 of data-owner`. */
  required: string;
  policyNumber: number | null;
  policyDigest: string | null;
  approvers: string[];
  decisions: ReportDecision[];
  /** From the opening of the review to the last approval that counted. */
  timeToDecideMs: number | null;
  leases: ReportLease[];
  /** Null: it was not broken. */
  brokenGlass: ReportBrokenGlass | null;
  refusals: ReportRefusal[];
  /** Codes of effects other than declared. */
  incidents: string[];
  receiptDigest: string | null;
  /** Whether everything that was handed out about it verifies and agrees. */
  verified: boolean;
  /** What does not, a sentence each. */
  faults: string[];
  /** Whether one of these is more than a credential whose end is not proven (yet). */
  contradicted: boolean;
}

/** A lease is to be gone this long after what it was for has ended. */
const GRACE_MS = 60_000;

/** The row of one action, out of the statements that verified, and what the verifier says of all. */
export function rowOf(
  actionId: string,
  { statements, verdict, nowMs }: { statements: readonly AnyRecorded[]; verdict: StatementsVerdict; nowMs: number },
): ReportRow {
  const view = viewAction(statements);
  const faults = [
    ...verdict.checks.filter(({ ok }) => !ok).map(({ what }) => what),
    ...(view === undefined ? [] : barredApprovals(view)),
  ];
  // Of the verifier's checks one is about leases without a proven end: while something runs there are some.
  const expected = view?.leases.some(({ revokedAtMs }) => revokedAtMs === null) === true ? 1 : 0;
  const judged = { verified: faults.length === 0, faults, contradicted: faults.length > expected };
  return {
    ...EMPTY,
    actionId,
    ...judged,
    ...(view !== undefined && told(view, statements, nowMs)),
  };
}

/** The signed plan says who may not decide: an approval of theirs must not be on record. */
function barredApprovals({ barred, decisions }: ActionView): string[] {
  return decisions
    .filter(({ current, decision }) => current && decision === 'approve')
    .flatMap(({ person }) => {
      const bar = barred.find((entry) => entry.person === person);
      return bar === undefined ? [] : [`${person} approved it, whom its plan bars: ${bar.because}`];
    });
}

const EMPTY: Omit<ReportRow, 'actionId' | 'verified' | 'faults' | 'contradicted'> = {
  agent: null,
  owners: [],
  prompters: [],
  operation: null,
  target: null,
  environment: null,
  summary: '',
  reason: '',
  risk: null,
  flags: [],
  requestedAtMs: null,
  openedAtMs: null,
  startedAtMs: null,
  concludedAtMs: null,
  outcome: 'open',
  outcomeCode: null,
  automatic: null,
  required: '',
  policyNumber: null,
  policyDigest: null,
  approvers: [],
  decisions: [],
  timeToDecideMs: null,
  leases: [],
  brokenGlass: null,
  refusals: [],
  incidents: [],
  receiptDigest: null,
};

function told(view: ActionView, statements: readonly AnyRecorded[], nowMs: number): Partial<ReportRow> {
  const { request, target, preview, plan, policy, outcome, receipt } = view;
  const decisions = decisionsOf(statements);
  const counted = view.decisions.filter(({ current, decision }) => current && decision === 'approve');
  const lastMs = Math.max(...counted.map(({ decidedAtMs }) => decidedAtMs));
  const isFilled = plan !== null && plan.stages.length > 0 && view.quorum?.filled === true;
  return {
    agent: request.agent,
    owners: view.barred.filter(({ because }) => /\bowns\b/.test(because)).map(({ person }) => person),
    prompters: [...(view.provenance?.prompters ?? [])],
    operation: request.operation,
    target: target?.name ?? null,
    environment: target?.environment ?? null,
    summary: preview?.summary ?? '',
    reason: request.reason,
    risk: preview === null ? null : view.risk,
    flags: view.flags.map(({ code }) => code),
    requestedAtMs: request.requestedAtMs,
    openedAtMs: view.openedAtMs,
    startedAtMs: latest(statements, 'effect')?.body.startedAtMs ?? null,
    concludedAtMs: receipt?.concludedAtMs ?? null,
    outcome: receipt === null ? 'open' : (outcome?.status ?? 'unknown'),
    outcomeCode: receipt === null ? null : (outcome?.code ?? null),
    automatic: plan === null ? null : plan.stages.length === 0,
    required: (plan?.stages ?? []).map(({ quorum, group }) => `${String(quorum)} of ${group}`).join(' and '),
    policyNumber: policy?.number ?? null,
    policyDigest: policy?.digest ?? null,
    approvers: [...new Set(counted.map(({ person }) => person))].sort(),
    decisions,
    timeToDecideMs: isFilled && view.openedAtMs !== null && counted.length > 0 ? lastMs - view.openedAtMs : null,
    leases: leasesOf(view, statements, nowMs),
    brokenGlass: brokenGlassOf(view, nowMs),
    refusals: view.refusals.map(({ code, who, message }) => ({ code, who, message })),
    incidents: view.incidents.map(({ code }) => code),
    receiptDigest: receipt?.digest ?? null,
  };
}

/** Each decision against the plan that it names: a review that opened again was shown anew. */
function decisionsOf(statements: readonly AnyRecorded[]): ReportDecision[] {
  const openedAtMs = new Map(allOf(statements, 'plan').map(({ body }) => [body.actionDigest, body.openedAtMs]));
  return allOf(statements, 'decision').map(({ body }) => {
    const opened = openedAtMs.get(body.actionDigest);
    return {
      person: body.approver.person,
      decision: body.decision,
      channel: body.via.channel,
      decidedAtMs: body.decidedAtMs,
      dwellMs: opened === undefined ? null : Math.max(0, body.decidedAtMs - opened),
      breakGlass: body.breakGlass === true,
    };
  });
}

function brokenGlassOf({ breakGlass }: ActionView, nowMs: number): ReportBrokenGlass | null {
  const debt = breakGlass?.debt ?? null;
  if (breakGlass === null || debt === null) return null;
  const { claimedAtMs, dueAtMs, open } = debt;
  const paidAtMs = open.length > 0 ? null : lastNeeded(debt.retrospectives);
  return {
    by: [...breakGlass.by],
    ...{ brokenAtMs: claimedAtMs, dueAtMs, paidAtMs },
    retrospectives: debt.retrospectives.map((one) => ({ ...one, groups: [...one.groups] })),
    open: [...open],
    timeToPayMs: paidAtMs === null ? null : paidAtMs - claimedAtMs,
    overdue: (paidAtMs ?? nowMs) > dueAtMs,
  };
}

/** When somebody had looked for each group: what came later was not owed any more. */
function lastNeeded(retrospectives: DebtView['retrospectives']): number | null {
  const seen = new Set<string>();
  let atMs: number | null = null;
  for (const one of retrospectives) {
    if (one.groups.some((group) => !seen.has(group))) atMs = one.atMs;
    for (const group of one.groups) seen.add(group);
  }
  return atMs;
}

function leasesOf(view: ActionView, statements: readonly AnyRecorded[], nowMs: number): ReportLease[] {
  const finishedAtMs = latest(statements, 'result')?.body.finishedAtMs ?? Infinity;
  const ttlMs = new Map(allOf(statements, 'lease').map(({ body }) => [body.accessor, body.ttlSeconds * 1_000]));
  return view.leases.map(({ purpose, username, leasedAtMs, revokedAtMs, proofs, accessor }) => {
    const endsAtMs = leasedAtMs + (ttlMs.get(accessor) ?? 0);
    const dueAtMs = GRACE_MS + (purpose === 'execute' ? Math.min(endsAtMs, finishedAtMs) : endsAtMs);
    const overdue = (revokedAtMs ?? nowMs) > dueAtMs;
    return { purpose, username, leasedAtMs, dueAtMs, revokedAtMs, proofs: proofs.length, overdue };
  });
}
