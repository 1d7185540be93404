import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { visibleLine } from '../../../src/core/visible-text.js';
import { formatProblem } from '../../../src/directory/yaml-source.js';
import type { CaseResult } from '../../../src/policy/policy-table.js';
import type { Policy } from '../../../src/policy/policy.js';
import { bundleUsage } from '../bundle-usage.js';
import { readTextFile } from '../connect.js';
import { EXIT } from '../exit-codes.js';
import { lookOf, report, type CommandHost, type GlobalOptions } from '../host.js';

interface CheckOptions extends GlobalOptions {
  table: string[];
}

interface TableReport {
  file: string;
  cases: number;
  failed: CaseResult[];
}

// The policy engine is loaded by the commands that ask it: it would slow down every other one.
export function addPolicy(host: CommandHost): void {
  const policy = host.program.command('policy').description('Look after a policy bundle.');
  addCheck(policy, host);
  policy
    .command('digest')
    .description('Print the digest by which configuration pins a bundle.')
    .argument('<dir>', "the bundle's folder")
    .action(async (dir: string, _options: unknown, command: Command) => {
      const { bundleDigest } = await import('../../../src/policy/bundle-files.js');
      const digest = await bundleUsage(() => bundleDigest(dir));
      report(host.context, command.optsWithGlobals<GlobalOptions>(), { dir, digest }, () => [digest]);
    });
}

function addCheck(policy: Command, { context, exit }: CommandHost): void {
  policy
    .command('check')
    .description('Find everything wrong with a bundle, by file and line, and run its tables of cases.')
    .argument('<dir>', "the bundle's folder")
    .option(
      '--table <file>',
      'a table of cases; may be repeated (default: ../tests/<name>.yaml, if there)',
      collect,
      [],
    )
    .action(async (dir: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<CheckOptions>();
      const { checkBundle } = await import('../../../src/policy/load-bundle.js');
      const { digest, problems, policy: loaded } = await bundleUsage(() => checkBundle(dir));
      const files = options.table.length > 0 ? options.table : defaultTables(dir);
      const tables = loaded === null ? [] : await Promise.all(files.map(async (file) => runTable(loaded, file)));
      const ok = loaded !== null && tables.every(({ failed }) => failed.length === 0);
      report(context, options, { dir, digest, ok, problems, tables }, () => {
        const { style } = lookOf(context);
        return [
          `digest ${digest}`,
          ...problems.map((problem) => `${style.red('✗')} ${visibleLine(formatProblem(problem))}`),
          ...(loaded === null ? ['The bundle does not load.'] : [`${style.green('✓')} The bundle loads.`]),
          ...tables.flatMap((table) =>
            renderTable(
              table,
              (text) => style.red(text),
              (text) => style.green(text),
            ),
          ),
        ];
      });
      if (!ok) exit(EXIT.refused);
    });
}

async function runTable(policy: Policy, file: string): Promise<TableReport> {
  const { runPolicyTable } = await import('../../../src/policy/policy-table.js');
  const text = await readTextFile(file, '--table');
  const results = await bundleUsage(async () => runPolicyTable(policy, { path: file, text }));
  return { file, cases: results.length, failed: results.filter(({ differences }) => differences.length > 0) };
}

function renderTable(
  { file, cases, failed }: TableReport,
  red: (text: string) => string,
  green: (text: string) => string,
): string[] {
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

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
