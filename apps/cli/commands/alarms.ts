import type { Command } from 'commander';
import type { AlarmAnswer } from '../../../src/client/answers.js';
import { visibleLine, visibleText } from '../../../src/core/visible-text.js';
import { connectAsPerson } from '../connect.js';
import { lookOf, report, type CommandHost, type GlobalOptions } from '../host.js';
import type { Look } from '../render/action.js';
import { block } from '../render/layout.js';
import { instant, relative } from '../render/time.js';

export function addAlarms({ program, context }: CommandHost): void {
  program
    .command('alarms')
    .description('List what is wrong with record, ledger or policy: what stands, and what was cleared within a week.')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const api = await connectAsPerson(context, options);
      const alarms = await api.alarms();
      const look = lookOf(context);
      report(context, options, { alarms }, () =>
        alarms.length === 0 ? ['No alarms.'] : alarms.flatMap((alarm) => linesOf(alarm, look)),
      );
    });
}

function linesOf(alarm: AlarmAnswer, { width, style, nowMs }: Omit<Look, 'logs'>): string[] {
  const { digest, code, severity, sentence, stopsApprovals, raisedAtMs, cleared } = alarm;
  const stops = stopsApprovals && cleared === null ? ': nothing is approved or run until it is cleared' : '';
  const head = `${visibleLine(code)} (${visibleLine(severity)})${stops}`;
  return [
    cleared === null ? style.red(head) : head,
    ...block(visibleText(sentence), { margin: '  ', width }),
    `  ${instant(raisedAtMs)} (${relative(raisedAtMs, nowMs)})`,
    ...(cleared === null
      ? [`  countersign clear ${visibleLine(digest)} --reason <what was found>`]
      : [
          `  cleared by ${visibleLine(cleared.by.person)} ${relative(cleared.clearedAtMs, nowMs)}:`,
          ...block(visibleText(cleared.reason), { margin: '    | ', width }),
        ]),
  ];
}
