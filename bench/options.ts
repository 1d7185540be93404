import { parseArgs } from 'node:util';

/** How much is measured. */
export interface BenchOptions {
  /** Few actions, nothing is written: to see whether the benchmark works. */
  quick: boolean;
  /** Print the results as JSON instead of tables. */
  json: boolean;
  /** Per side: actions one after the other, each beside one of the floor. */
  alone: number;
  /** Per side and block: actions of which `concurrency` are under way at any time. */
  perBlock: number;
  /** Blocks of each side; they alternate, so that drift of the machine meets both. */
  blocks: number;
  concurrency: number;
  /** Actions held in review to weigh them. */
  held: number;
  /** Statements that are put into a ledger, and verified. */
  ledgerEntries: number;
  /** No further pair of blocks begins after this. */
  timeBudgetMs: number;
}

const FULL = {
  alone: 60,
  // Three rounds of those under way: what one burst does to another scatters less.
  perBlock: 150,
  blocks: 2,
  concurrency: 50,
  held: 300,
  ledgerEntries: 20_000,
  timeBudgetMs: 210_000,
};
const QUICK = {
  alone: 4,
  perBlock: 50,
  blocks: 1,
  concurrency: 50,
  held: 60,
  ledgerEntries: 6_000,
  timeBudgetMs: 60_000,
};

/** @throws TypeError for an argument that is not known. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
  });
  return { ...values, ...(values.quick ? QUICK : FULL) };
}
