import type { ReportRow } from './report-row.js';

/** How one person decides. Signs, not proofs: a quick approval can be a good one. */
export interface PersonSigns {
  person: string;
  decisions: number;
  approved: number;
  denied: number;
  /** Share of their decisions that approve, 0 to 1. */
  approveRate: number;
  /** Half of their decisions came sooner after the review was shown; null when none is known. */
  medianDwellMs: number | null;
  /** Decisions within 10 seconds. */
  quick: number;
  /** Many decisions, hardly a no among them, and quickly: somebody should talk with them. */
  looksLikeRubberStamp: boolean;
}

/** From when a pattern is one: see `docs/reports.md`. */
export const RUBBER_STAMP = {
  decisionsMin: 5,
  approveRateMin: 0.95,
  medianDwellMsMax: 30_000,
  quickMs: 10_000,
} as const;

/** The signs of everyone who decided, most decisions first. */
export function signsOf(rows: readonly ReportRow[]): PersonSigns[] {
  const byPerson = new Map<string, ReportRow['decisions']>();
  // Breaking the glass is quick by its nature, and each is looked at by itself.
  for (const decision of rows.flatMap(({ decisions }) => decisions.filter(({ breakGlass }) => !breakGlass)))
    byPerson.set(decision.person, [...(byPerson.get(decision.person) ?? []), decision]);
  return [...byPerson]
    .map(([person, decisions]) => signsOfOne(person, decisions))
    .sort((a, b) => b.decisions - a.decisions || (a.person < b.person ? -1 : 1));
}

function signsOfOne(person: string, decisions: ReportRow['decisions']): PersonSigns {
  const approved = decisions.filter(({ decision }) => decision === 'approve').length;
  const dwells = decisions.flatMap(({ dwellMs }) => dwellMs ?? []);
  const approveRate = approved / decisions.length;
  const medianDwellMs = median(dwells);
  return {
    person,
    decisions: decisions.length,
    approved,
    denied: decisions.length - approved,
    approveRate,
    medianDwellMs,
    quick: dwells.filter((ms) => ms <= RUBBER_STAMP.quickMs).length,
    looksLikeRubberStamp:
      decisions.length >= RUBBER_STAMP.decisionsMin &&
      approveRate >= RUBBER_STAMP.approveRateMin &&
      medianDwellMs !== null &&
      medianDwellMs <= RUBBER_STAMP.medianDwellMsMax,
  };
}

/** Null for none; the mean of the two in the middle for an even number. */
export function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle];
  if (upper === undefined) return null;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}
