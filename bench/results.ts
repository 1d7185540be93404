import type { LedgerRates } from './ledger.js';
import type { Measured, Pair } from './measure.js';
import type { Weight } from './memory.js';
import { DURATIONS, type DurationName, type HistorySize, type Side } from './sides.js';

/** All that one run of the benchmark found. */
export interface Results {
  /** ISO 8601. */
  startedAt: string;
  machine: { cpus: number; cpuModel: string; memoryGiB: number; load: number; node: string; platform: string };
  alone: Pair;
  crowded: Pair;
  concurrency: number;
  /** Agent's signature → the gateway's long poll tells the end, median in milliseconds; it looks every quarter of a second. */
  throughGatewayMs: number;
  history: Record<Side['name'], HistorySize>;
  waiting: Weight;
  ledger: LedgerRates;
  bundleBytes: number;
}

/** A budget of the design, and what was found. */
export interface Budget {
  what: string;
  found: number;
  atMost: number;
  unit: string;
  met: boolean;
}

/** Median of ours over median of the floor's. */
export function ratioOf({ countersign, floor }: Pair, name: DurationName): number {
  return countersign.durations[name].median / floor.durations[name].median;
}

/** The design's budgets (DESIGN.md, "Budgets"); the ratios are judged at concurrency 1 and at the higher one. */
export function budgetsOf(results: Results): Budget[] {
  const { alone, crowded, concurrency, history, waiting, bundleBytes } = results;
  const budget = (what: string, found: number, atMost: number, unit: string): Budget => ({
    what,
    found,
    atMost,
    unit,
    met: found <= atMost,
  });
  const ratios = [
    { name: 'whole action', atMost: 1.5 },
    { name: 'decision → execution starts', atMost: 1.3 },
  ] as const;
  return [
    ...ratios.flatMap(({ name, atMost }) => [
      budget(`${name}, concurrency 1`, ratioOf(alone, name), atMost, 'times the floor'),
      budget(`${name}, concurrency ${String(concurrency)}`, ratioOf(crowded, name), atMost, 'times the floor'),
    ]),
    budget('history', history.countersign.events, 48, 'events'),
    budget('history', history.countersign.bytes / 1_024, 48, 'KiB'),
    budget('waiting action in the worker', waiting.bytesEach / 1_000, 200, 'KB'),
    budget('workflow bundle without source map', bundleBytes / 1_000_000, 1.2, 'MB'),
  ];
}

export const DURATION_NAMES = Object.keys(DURATIONS) as DurationName[];

/** What is written as JSON: without the ids of actions that no longer exist anywhere. */
export function toJson(results: Results): string {
  const withoutIds = ({ durations, steps, perSecond }: Measured): Omit<Measured, 'actionIds'> => ({
    durations,
    steps,
    perSecond,
  });
  const pair = ({ countersign, floor }: Pair) => ({ countersign: withoutIds(countersign), floor: withoutIds(floor) });
  const { alone, crowded } = results;
  const all = { ...results, alone: pair(alone), crowded: pair(crowded), budgets: budgetsOf(results) };
  return `${JSON.stringify(all, null, 2)}\n`;
}
