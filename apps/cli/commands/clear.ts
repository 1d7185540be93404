import type { Command } from 'commander';
import { visibleLine } from '../../../src/core/visible-text.js';
import { connectAsPerson } from '../connect.js';
import { report, type CommandHost, type GlobalOptions } from '../host.js';

interface ClearOptions extends GlobalOptions {
  reason: string;
}

export function addClear({ program, context }: CommandHost): void {
  program
    .command('clear')
    .description('Say that an alarm was looked into and work may go on: for people of the group that policy names.')
    .argument('<alarm>', 'its digest, as `countersign alarms` lists it')
    .requiredOption('--reason <text>', 'what was found, and why work may go on; goes on record')
    .action(async (alarm: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ClearOptions>();
      const api = await connectAsPerson(context, options);
      const answer = await api.clearAlarm(alarm, options.reason);
      report(context, options, answer, () => [
        `The alarm ${visibleLine(answer.code)} is cleared by ${visibleLine(answer.cleared?.by.person ?? 'nobody')}.`,
      ]);
    });
}
