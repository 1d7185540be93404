import type { Command } from 'commander';
import { EXIT, UsageError } from '../exit-codes.js';
import { lookOf, report, type CommandHost, type GlobalOptions } from '../host.js';
import { loadComparable } from '../policy/comparable.js';
import { renderTable, runTables } from '../policy/tables.js';

export function addPolicyTest(policy: Command, { context, exit }: CommandHost): void {
  policy
    .command('test')
    .description('Run tables of cases against a bundle: each a question and the answer expected.')
    .argument('<dir>', "the bundle's folder")
    .argument('[tables...]', 'tables of cases (default: ../tests/<name>.yaml)')
    .action(async (dir: string, named: string[], _options: unknown, command: Command) => {
      const bundle = await loadComparable(dir);
      const tables = await runTables(bundle.policy, dir, named);
      if (tables.length === 0) throw new UsageError(`No table is named, and there is none beside ${dir}.`);
      const ok = tables.every(({ failed }) => failed.length === 0);
      report(context, command.optsWithGlobals<GlobalOptions>(), { dir, ok, tables }, () =>
        tables.flatMap((table) => renderTable(table, lookOf(context).style)),
      );
      if (!ok) exit(EXIT.refused);
    });
}
