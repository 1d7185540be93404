import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { visibleLine } from '../../../src/core/visible-text.js';
import type { CaseResult } from '../../../src/policy/policy-table.js';
import type { Policy } from '../../../src/policy/policy.js';
import { bundleUsage } from '../bundle-usage.js';
import { readTextFile } from '../connect.js';
import type { Style } from '../render/style.js';

/** How a table of cases went. */
export interface TableReport {
  file: string;
  cases: number;
  failed: CaseResult[];
}

/** Runs tables of cases: those that are named, else the one that lies beside the bundle. */
export async function runTables(policy: Policy, dir: string, named: readonly string[]): Promise<TableReport[]> {
  const files = named.length > 0 ? named : defaultTables(dir);
  return Promise.all(files.map(async (file) => runTable(policy, file)));
}

async function runTable(policy: Policy, file: string): Promise<TableReport> {
  const { runPolicyTable } = await import('../../../src/policy/policy-table.js');
  const text = await readTextFile(file, '--table');
  const results = await bundleUsage(async () => runPolicyTable(policy, { path: file, text }));
  return { file, cases: results.length, failed: results.filter(({ differences }) => differences.length > 0) };
}

export function renderTable({ file, cases, failed }: TableReport, { red, green }: Style): string[] {
  const count = `${String(cases - failed.length)} of ${String(cases)} cases hold`;
  return [
    `${failed.length === 0 ? green('✓') : red('✗')} ${visibleLine(file)}: ${count}`,
    ...failed.flatMap((result) => [
      `  ${visibleLine(`${result.at}: case ${String(result.case)}, ${result.name}`)}`,
      ...result.differences.map((difference) => `    ${visibleLine(difference)}`),
    ]),
  ];
}

function defaultTables(dir: string): string[] {
  const folder = resolve(dir);
  const table = join(dirname(folder), 'tests', `${basename(folder)}.yaml`);
  return existsSync(table) ? [table] : [];
}
