import type { LedgerRates } from './ledger.js';
import type { Pair } from './measure.js';
import { budgetsOf, DURATION_NAMES, ratioOf, type Results } from './results.js';
import type { Summary } from './statistics.js';

/** The results as Markdown, which is also what the terminal shows. */
export function renderReport(results: Results): string {
  const { machine, alone, crowded, concurrency, startedAt, throughGatewayMs } = results;
  return [
    `# Benchmark of ${startedAt.slice(0, 10)}`,
    `${String(machine.cpus)} × ${machine.cpuModel}, ${String(machine.memoryGiB)} GiB, ${machine.platform}, Node ${machine.node}; load when it began: ${String(machine.load)}. How it is measured: docs/benchmarks.md.`,
    '## Budgets',
    renderBudgets(results),
    '## One action at a time',
    renderDurations(alone),
    `Through the gateway's long poll, which the record wakes, the agent has its result after ${ms(throughGatewayMs)} (median).`,
    `## ${String(concurrency)} actions at a time`,
    renderDurations(crowded),
    `Countersign ends ${crowded.countersign.perSecond.toFixed(1)} actions a second, the floor ${crowded.floor.perSecond.toFixed(1)}.`,
    '## The ledger',
    renderLedger(results.ledger),
    '## Where the time goes',
    'Median milliseconds since the line before, one action at a time. A statement is written when its row is inserted.',
    renderSteps(alone),
    '',
  ].join('\n\n');
}

function renderBudgets(results: Results): string {
  const { history } = results;
  const rows = budgetsOf(results).map(({ what, found, atMost, unit, met }) => [
    what,
    `${String(Number(found.toFixed(2)))} ${unit}`,
    String(atMost),
    met ? 'met' : '**missed**',
  ]);
  const floor = `The floor's history: ${String(history.floor.events)} events, ${(history.floor.bytes / 1_024).toFixed(1)} KiB.`;
  return `${table(['what', 'found', 'at most', ''], rows)}\n\n${floor}`;
}

function renderDurations(pair: Pair): string {
  const { countersign, floor } = pair;
  const rows = DURATION_NAMES.map((name) => {
    const [ours, theirs] = [countersign.durations[name], floor.durations[name]];
    return [name, both(ours), both(theirs), ratioOf(pair, name).toFixed(2), (ours.p95 / theirs.p95).toFixed(2)];
  });
  const counts = `${String(countersign.durations['whole action'].count)} actions of ours, ${String(floor.durations['whole action'].count)} of the floor.`;
  const head = ['milliseconds, median (p95)', 'Countersign', 'floor', 'ratio of medians', 'of p95'];
  return `${table(head, rows)}\n\n${counts}`;
}

function renderSteps({ countersign, floor }: Pair): string {
  const floorMs = new Map(floor.steps.map(({ step, medianMs }) => [step, medianMs]));
  const rows = countersign.steps.map(({ step, medianMs }) => {
    const theirs = floorMs.get(step);
    return [step, medianMs.toFixed(1), theirs === undefined ? '' : theirs.toFixed(1)];
  });
  return table(['until', 'Countersign', 'floor'], rows);
}

function renderLedger({ entries, bytesEach, perAction, ...rates }: LedgerRates): string {
  const row = (what: string, found: number, atLeast: number, floor: number): string[] => [
    what,
    String(found),
    `${String(atLeast)} (${found >= atLeast ? 'met' : '**missed**'})`,
    String(floor),
  ];
  const rows = [
    row('appended: read, put into the tree, committed in groups, signed', rates.appended, 2_000, rates.appendedFloor),
    row('verified: hashed up to the root', rates.verified, 10_000, rates.verifiedFloor),
    row(
      'compared with the rows of the record, with tiles and checkpoints',
      rates.compared,
      10_000,
      rates.verifiedFloor,
    ),
  ];
  const kib = (bytes: number): string => `${(bytes / 1_024).toFixed(1)} KiB`;
  return [
    table(['entries a second', 'Countersign', 'at least', 'floor'], rows),
    `Of ${String(entries)} entries. The floor inserts the same rows without a tree, and hashes the entries alone. ` +
      `An entry takes ${bytesEach.toFixed(0)} bytes in the database; one action of this benchmark has ${perAction.statements.toFixed(1)} statements, ` +
      `which take ${kib(perAction.recordBytes)} on record and ${kib(perAction.ledgerBytes)} in the ledger, indexes included.`,
  ].join('\n\n');
}

function both({ median, p95 }: Summary): string {
  return `${median.toFixed(0)} (${p95.toFixed(0)})`;
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
