import type { Command } from 'commander';
import { visibleLine } from '../../../src/core/visible-text.js';
import { formatProblem } from '../../../src/directory/yaml-source.js';
import { bundleUsage } from '../bundle-usage.js';
import { EXIT } from '../exit-codes.js';
import { lookOf, report, type CommandHost, type GlobalOptions } from '../host.js';
import { renderTable, runTables } from '../policy/tables.js';
import { addPolicyDiff } from './policy-diff.js';
import { addPolicyPropose } from './policy-propose.js';
import { addPolicySimulate } from './policy-simulate.js';
import { addPolicyTest } from './policy-test.js';

interface CheckOptions extends GlobalOptions {
  table: string[];
}

// The policy engine is loaded by the commands that ask it: it would slow down every other one.
export function addPolicy(host: CommandHost): void {
  const policy = host.program.command('policy').description('Look after a policy bundle.');
  addCheck(policy, host);
  addPolicyTest(policy, host);
  addPolicySimulate(policy, host);
  addPolicyDiff(policy, host);
  addPolicyPropose(policy, host);
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
      const tables = loaded === null ? [] : await runTables(loaded, dir, options.table);
      const ok = loaded !== null && tables.every(({ failed }) => failed.length === 0);
      report(context, options, { dir, digest, ok, problems, tables }, () => {
        const { style } = lookOf(context);
        return [
          `digest ${digest}`,
          ...problems.map((problem) => `${style.red('✗')} ${visibleLine(formatProblem(problem))}`),
          ...(loaded === null ? ['The bundle does not load.'] : [`${style.green('✓')} The bundle loads.`]),
          ...tables.flatMap((table) => renderTable(table, style)),
        ];
      });
      if (!ok) exit(EXIT.refused);
    });
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
