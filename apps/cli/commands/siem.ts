import { InvalidArgumentError, type Command } from 'commander';
import type { SiemSink } from '../../../src/client/answers.js';
import { visibleLine } from '../../../src/core/visible-text.js';
import { connectAsPerson } from '../connect.js';
import { EXIT } from '../exit-codes.js';
import { lookOf, report, type CommandHost, type GlobalOptions } from '../host.js';
import { instant } from '../render/time.js';

interface SiemOptions extends GlobalOptions {
  maxLag?: number;
}

export function addSiem({ program, context, exit }: CommandHost): void {
  program
    .command('siem')
    .description('Show how far each SIEM sink lags behind the ledger.')
    .option(
      '--max-lag <seconds>',
      'exit with 5 when a sink lags longer, or an event was refused for good',
      parseSeconds,
    )
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<SiemOptions>();
      const status = await (await connectAsPerson(context, options)).siem();
      report(context, options, status, () => {
        const { style } = lookOf(context);
        const heading = style.dim(`The ledger has ${String(status.ledgerSize)} entries.`);
        return [heading, ...(status.sinks.length === 0 ? ['No sinks.'] : status.sinks.flatMap(linesOf))];
      });
      const { maxLag } = options;
      if (maxLag !== undefined && status.sinks.some((sink) => sink.lagSeconds > maxLag || sink.rejected > 0))
        exit(EXIT.failed);
    });
}

function linesOf(sink: SiemSink): string[] {
  const { lagEntries, lagSeconds, rejected, sentAtMs, lastError, failingSinceMs, seenAtMs } = sink;
  const lag = lagEntries === 0 ? 'all sent' : `${String(lagEntries)} to send, the oldest ${String(lagSeconds)} s old`;
  const sent = sentAtMs === null ? 'nothing sent yet' : `last sent ${instant(sentAtMs)}`;
  return [
    `${visibleLine(sink.sink)} (${visibleLine(sink.kind)})  ${lag}`,
    `  ${sent}, served ${instant(seenAtMs)}${rejected === 0 ? '' : `, refused for good: ${String(rejected)}`}`,
    ...(lastError === null
      ? []
      : [`  failing${failingSinceMs === null ? '' : ` since ${instant(failingSinceMs)}`}: ${visibleLine(lastError)}`]),
  ];
}

function parseSeconds(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number of seconds.');
}
