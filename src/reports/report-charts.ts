import { columnChart, rowChart, type Bar } from './charts.js';
import { percent, span } from './html-text.js';
import type { Report } from './report.js';
import type { ReportRow } from './report-row.js';

const DAY_MS = 86_400_000;
const BARS_MAX = 62;

/** How actions ended, by the day on which they did; by the week where there are many. */
export function outcomesByDay({ actions, fromMs, toMs }: Report): string {
  const days = Math.max(1, Math.ceil((toMs - fromMs) / DAY_MS));
  const perBar = days > BARS_MAX ? Math.ceil(days / BARS_MAX / 7) * 7 : 1;
  const bars: Bar[] = Array.from({ length: Math.ceil(days / perBar) }, (_, index) => {
    const begins = fromMs + index * perBar * DAY_MS;
    const ended = actions.filter(
      ({ concludedAtMs }) =>
        concludedAtMs !== null && concludedAtMs >= begins && concludedAtMs < begins + perBar * DAY_MS,
    );
    const count = (matches: (row: ReportRow) => boolean): number => ended.filter(matches).length;
    const values = [
      count((row) => isGood(row) && row.brokenGlass === null && row.automatic !== true),
      count((row) => isGood(row) && row.brokenGlass === null && row.automatic === true),
      count((row) => isGood(row) && row.brokenGlass !== null),
      count((row) => !isGood(row) && row.startedAtMs === null),
      count((row) => !isGood(row) && row.startedAtMs !== null),
    ];
    return { label: new Date(begins).toISOString().slice(5, 10), values };
  });
  const series = [
    { name: 'ran, approved by people', tone: 'good' },
    { name: 'ran, automatic', tone: 'plain' },
    { name: 'ran, the glass broken', tone: 'glass' },
    { name: 'did not run', tone: 'warn' },
    { name: 'ran and went wrong', tone: 'bad' },
  ] as const;
  return columnChart(
    perBar === 1 ? 'How actions ended, by day' : `How actions ended, by ${String(perBar)} days`,
    series,
    bars,
  );
}

function isGood({ outcome }: ReportRow): boolean {
  return outcome === 'succeeded';
}

const BUCKETS: readonly (readonly [label: string, belowMs: number])[] = [
  ['under 10 s', 10_000],
  ['30 s', 30_000],
  ['2 min', 120_000],
  ['10 min', 600_000],
  ['1 h', 3_600_000],
  ['4 h', 14_400_000],
  ['1 d', DAY_MS],
  ['more', Infinity],
];

/** How long reviews took, from open to filled. */
export function decisionTimes({ actions }: Report): string {
  const times = actions.flatMap(({ timeToDecideMs }) => timeToDecideMs ?? []);
  const bars = BUCKETS.map(([label, belowMs], index) => {
    const fromMs = BUCKETS[index - 1]?.[1] ?? 0;
    return { label, values: [times.filter((ms) => ms >= fromMs && ms < belowMs).length] };
  });
  return columnChart('From open to approved, up to', [{ name: 'reviews', tone: 'plain' }], bars);
}

const PEOPLE_MAX = 20;

/** How quickly those who decide most decide. */
export function peopleChart({ people }: Report): string {
  if (people.length === 0) return '';
  const rows = people
    .slice(0, PEOPLE_MAX)
    .map(({ person, medianDwellMs, decisions, approveRate, looksLikeRubberStamp }) => ({
      label: person.length > 20 ? `${person.slice(0, 19)}…` : person,
      value: medianDwellMs ?? 0,
      words: `${medianDwellMs === null ? '–' : span(medianDwellMs)}, ${percent(approveRate)} of ${String(decisions)} approved`,
      tone: looksLikeRubberStamp ? ('bad' as const) : ('plain' as const),
    }));
  return rowChart('Median time from shown to decided, by person', rows);
}
