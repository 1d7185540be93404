import { median, signsOf, type PersonSigns } from './people-signs.js';
import type { ReportBrokenGlass, ReportLease, ReportRefusal, ReportRow } from './report-row.js';

/** What an auditor is given of a period. */
export interface Report {
  /** Which actions are in it: those that ended from here … */
  fromMs: number;
  /** … until before here; and those that had not ended when it was made. */
  toMs: number;
  generatedAtMs: number;
  totals: {
    actions: number;
    /** By how they ended. */
    byOutcome: Record<string, number>;
    /** Whose effect began. */
    ran: number;
    /** Of those, without a person, as policy says. */
    automatic: number;
    /** Of those, because people broke the glass. */
    brokenGlass: number;
    /** About which everything that was handed out verifies and agrees. */
    verified: number;
    medianTimeToDecideMs: number | null;
  };
  /** Newest first. */
  actions: ReportRow[];
  separationOfDuties: {
    /** Somebody tried to decide on what was their own; nothing came of it. */
    refusedAttempts: (ReportRefusal & { actionId: string })[];
    /** Statements that do not verify, do not agree, or say that somebody approved who was barred. */
    contradicted: { actionId: string; faults: string[] }[];
  };
  /** Broken glasses whose review was owed at any time of the period, newest first; also of actions that ended before it. */
  breakGlass: (ReportBrokenGlass &
    Pick<ReportRow, 'actionId' | 'agent' | 'operation' | 'target' | 'environment' | 'summary' | 'outcome'>)[];
  /** Credentials whose end was proven late, or is not. */
  overdueRevocations: (ReportLease & { actionId: string })[];
  /** Everyone who decided, most decisions first. */
  people: PersonSigns[];
}

/** Puts rows together into a report. */
export function buildReport(
  rows: readonly ReportRow[],
  { fromMs, toMs, generatedAtMs }: { fromMs: number; toMs: number; generatedAtMs: number },
): Report {
  const actions = rows
    .filter(({ concludedAtMs }) => concludedAtMs === null || (concludedAtMs >= fromMs && concludedAtMs < toMs))
    .filter(({ requestedAtMs }) => requestedAtMs === null || requestedAtMs < toMs)
    .sort((a, b) => (a.actionId < b.actionId ? 1 : -1));
  const ran = actions.filter(({ startedAtMs }) => startedAtMs !== null);
  const byOutcome: Record<string, number> = {};
  for (const { outcome } of actions) byOutcome[outcome] = (byOutcome[outcome] ?? 0) + 1;
  return {
    ...{ fromMs, toMs, generatedAtMs },
    totals: {
      actions: actions.length,
      byOutcome,
      ran: ran.length,
      automatic: ran.filter(({ automatic }) => automatic === true).length,
      brokenGlass: ran.filter(({ brokenGlass }) => brokenGlass !== null).length,
      verified: actions.filter(({ verified }) => verified).length,
      medianTimeToDecideMs: median(actions.flatMap(({ timeToDecideMs }) => timeToDecideMs ?? [])),
    },
    actions,
    separationOfDuties: {
      refusedAttempts: actions.flatMap(({ actionId, refusals }) =>
        refusals.filter(({ code }) => code === 'self_approval').map((refusal) => ({ actionId, ...refusal })),
      ),
      contradicted: actions
        .filter(({ contradicted }) => contradicted)
        .map(({ actionId, faults }) => ({ actionId, faults })),
    },
    breakGlass: rows
      .flatMap(({ brokenGlass, actionId, agent, operation, target, environment, summary, outcome }) =>
        brokenGlass === null
          ? []
          : { actionId, agent, operation, target, environment, summary, outcome, ...brokenGlass },
      )
      .filter(({ brokenAtMs, paidAtMs }) => brokenAtMs < toMs && (paidAtMs === null || paidAtMs >= fromMs))
      .sort((a, b) => b.brokenAtMs - a.brokenAtMs),
    overdueRevocations: actions.flatMap(({ actionId, leases }) =>
      leases.filter(({ overdue }) => overdue).map((lease) => ({ actionId, ...lease })),
    ),
    people: signsOf(actions),
  };
}
