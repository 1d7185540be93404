import { Option, type Command } from 'commander';
import type { BundleComparison } from '../../../src/policy/compare/comparison.js';
import { EXIT } from '../exit-codes.js';
import { lookOf, report, type CommandHost, type GlobalOptions } from '../host.js';
import { loadComparable } from '../policy/comparable.js';
import { renderTold } from '../policy/told.js';

interface DiffOptions extends GlobalOptions {
  failOn?: 'loosening' | 'any';
}

export function addPolicyDiff(policy: Command, { context, exit }: CommandHost): void {
  policy
    .command('diff')
    .description(
      'Say what one bundle means against another: rules that are looser or stricter, who gained or lost approval rights, ' +
        'what agents may ask for. What cannot be shown to be no loosening counts as one.',
    )
    .argument('<before>', 'folder of the bundle before')
    .argument('<after>', 'folder of the bundle after')
    .addOption(
      new Option(
        '--fail-on <what>',
        'exit with 3 when it loosens policy, or when anything but wording differs',
      ).choices(['loosening', 'any']),
    )
    .action(async (beforeDir: string, afterDir: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<DiffOptions>();
      const [before, after] = [await loadComparable(beforeDir), await loadComparable(afterDir)];
      const { compareBundles } = await import('../../../src/policy/compare/compare-bundles.js');
      const { describeComparison } = await import('../../../src/policy/compare/describe-comparison.js');
      const comparison = compareBundles(before, after);
      report(context, options, comparison, () => renderTold(describeComparison(comparison), lookOf(context)));
      if (options.failOn !== undefined && fails(comparison, options.failOn)) exit(EXIT.refused);
    });
}

function fails({ effect, rules, parts }: BundleComparison, on: 'loosening' | 'any'): boolean {
  if (on === 'loosening') return effect === 'loosening' || effect === 'both';
  return effect !== 'neutral' || parts.length > 0 || rules.some(({ kind }) => kind !== 'reworded');
}
