import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeBed } from './bed.js';
import { measureBundle } from './bundle-size.js';
import { startFloor } from './floor/floor.js';
import { measureLedger } from './ledger.js';
import { measureInTurn, type Pair } from './measure.js';
import { weighWaitingActions } from './memory.js';
import { parseOptions, type BenchOptions } from './options.js';
import { createProgress, type Progress } from './progress.js';
import { renderReport } from './report.js';
import { toJson, type Results } from './results.js';
import type { Side } from './sides.js';
import { summarise } from './statistics.js';
import { createSubject, type Subject } from './subject.js';

// From dist/bench/.
const resultsDir = fileURLToPath(new URL('../../bench/results/', import.meta.url));

/** Beyond the time budget, for holding the actions that are weighed. */
const HOLDING_MS = 45_000;

const closing: (() => Promise<unknown>)[] = [];
const options = parseOptions(process.argv.slice(2));
const folder = await mkdtemp(join(tmpdir(), 'countersign-bench-'));
process.once('SIGINT', () => void close().finally(() => process.exit(130)));
try {
  const results = await measureAll(options, createProgress());
  process.stdout.write(options.json ? toJson(results) : `\n${renderReport(results)}`);
  if (!options.quick) await keep(results);
} catch (error) {
  // Told before the services stop: what is under way then fails in turn, and would hide the reason.
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
} finally {
  await close();
}

async function measureAll(options: BenchOptions, progress: Progress): Promise<Results> {
  const startedAt = new Date().toISOString();
  const machine = describeMachine();
  const mayGoOn = (): boolean => progress.elapsedMs() < options.timeBudgetMs;
  const mayHold = (): boolean => progress.elapsedMs() < options.timeBudgetMs + HOLDING_MS;
  const defer = (stop: () => Promise<unknown>): void => void closing.push(stop);
  const bed = await progress.step('start the services and our processes', () => makeBed(folder, defer));
  const floor = await progress.step('start the floor', () => startFloor(bed, defer));
  const subject = await createSubject(bed);
  const sides = [subject, floor] as const;
  await progress.step('warm up', () => warmUp(sides, options, mayGoOn));
  const alone = await progress.step(`${String(options.alone)} actions of each side, one at a time`, () =>
    measureInTurn(sides, { blocks: options.alone, perBlock: 1, concurrency: 1 }, mayGoOn),
  );
  const throughGatewayMs = await progress.step('the same through the long poll', () =>
    throughGateway(subject, options),
  );
  const { concurrency, blocks, perBlock } = options;
  const crowded = await progress.step(`${String(concurrency)} actions at a time`, () =>
    measureInTurn(sides, { blocks, perBlock, concurrency }, mayGoOn),
  );
  const history = await historySizes(sides, alone);
  const waiting = await progress.step(`weigh ${String(options.held)} waiting actions`, () =>
    weighWaitingActions(bed, subject, options.held, mayHold),
  );
  const ledger = await progress.step(`${String(options.ledgerEntries)} entries of the ledger`, () =>
    measureLedger(bed, options.ledgerEntries),
  );
  return {
    startedAt,
    machine,
    alone,
    crowded,
    concurrency,
    throughGatewayMs,
    history,
    waiting,
    ledger,
    bundleBytes: await measureBundle(),
  };
}

/** Compilers, caches and connection pools are not what is measured. */
async function warmUp(sides: readonly Side[], { concurrency }: BenchOptions, mayGoOn: () => boolean): Promise<void> {
  const some = Math.ceil(concurrency / 3);
  await measureInTurn(sides, { blocks: 1, perBlock: some, concurrency: some }, mayGoOn);
  await measureInTurn(sides, { blocks: 3, perBlock: 1, concurrency: 1 }, mayGoOn);
}

async function throughGateway(subject: Subject, { alone }: BenchOptions): Promise<number> {
  const samples: number[] = [];
  for (let count = 0; count < Math.ceil(alone / 2); count += 1) samples.push(await subject.actThroughGateway());
  return summarise(samples).median;
}

async function historySizes(sides: readonly Side[], pair: Pair): Promise<Results['history']> {
  const sizes = await Promise.all(
    sides.map(async (side) => [side.name, await side.historySize(pair[side.name].actionIds.at(-1) ?? '')] as const),
  );
  return Object.fromEntries(sizes) as Results['history'];
}

function describeMachine(): Results['machine'] {
  return {
    cpus: cpus().length,
    cpuModel: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 1_024 ** 3),
    load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
  };
}

async function keep(results: Results): Promise<void> {
  await mkdir(resultsDir, { recursive: true });
  await writeFile(join(resultsDir, `${results.startedAt.slice(0, 10)}.json`), toJson(results));
  await writeFile(join(resultsDir, 'latest.md'), `<!-- Generated by npm run bench. -->\n\n${renderReport(results)}`);
}

/** What was started last is stopped first: processes before the servers they need. One that fails keeps none running. */
async function close(): Promise<void> {
  const failed: unknown[] = [];
  for (const stop of closing.splice(0).reverse()) await stop().catch((error: unknown) => failed.push(error));
  await rm(folder, { recursive: true, force: true });
  if (failed.length > 0) throw new AggregateError(failed, `Stopping failed: ${failed.map(String).join('; ')}`);
}
