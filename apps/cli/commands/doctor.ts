import type { Command } from 'commander';
import { visibleLine } from '../../../src/core/visible-text.js';
import type { Finding } from '../doctor/finding.js';
import { EXIT } from '../exit-codes.js';
import { lookOf, report, type CommandHost, type GlobalOptions } from '../host.js';
import { block, pad } from '../render/layout.js';
import type { Look } from '../render/action.js';

export function addDoctor({ program, context, exit }: CommandHost): void {
  program
    .command('doctor')
    .description('Check gateway, Temporal, Vault, PostgreSQL and policy, as far as the environment names them.')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      // Loaded only here: the drivers of four services would slow down every other command.
      const { examine } = await import('../doctor/examine.js');
      const findings = await examine(context, options);
      // Who looked at nothing has found nothing in order.
      const isNothing = findings.every(({ status }) => status === 'skipped');
      const ok = !isNothing && findings.every(({ status }) => status !== 'failed' && status !== 'unreachable');
      report(context, options, { ok, findings }, () => renderFindings(findings, lookOf(context)));
      if (findings.some(({ status }) => status === 'unreachable')) exit(EXIT.unreachable);
      else if (isNothing) exit(EXIT.usage);
      else if (!ok) exit(EXIT.refused);
    });
}

function renderFindings(findings: readonly Finding[], { width, style }: Look): string[] {
  const column = Math.max(...findings.map(({ what }) => what.length)) + 2;
  const signs = {
    ok: style.green('✓'),
    warned: style.yellow('!'),
    failed: style.red('✗'),
    unreachable: style.red('✗'),
    skipped: style.dim('-'),
  };
  return findings.flatMap(({ what, status, found, advice }) => {
    const margin = ' '.repeat(column + 2);
    const [first = '', ...rest] = block(visibleLine(found), { margin, width });
    const todo = advice === null ? [] : block(visibleLine(advice), { margin: `${margin}→ `, width });
    return [`${signs[status]} ${pad(what, column)}${first.trimStart()}`, ...rest, ...todo];
  });
}
