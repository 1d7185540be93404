import type { Command } from 'commander';
import type { FreezeScope } from '../../../src/core/schemas/statements.js';
import { visibleLine, visibleText } from '../../../src/core/visible-text.js';
import type { FreezeState } from '../../../src/client/answers.js';
import { connectAsPerson } from '../connect.js';
import { scopeSentence, scopeWords } from '../freeze-scope.js';
import { lookOf, report, type CommandHost, type GlobalOptions } from '../host.js';
import type { Look } from '../render/action.js';
import { block } from '../render/layout.js';
import { instant, relative } from '../render/time.js';

export function addFreezes({ program, context }: CommandHost): void {
  program
    .command('freezes')
    .description('List what is frozen now, and who has begun to lift it.')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const api = await connectAsPerson(context, options);
      const answer = await api.freezes();
      const look = lookOf(context);
      report(context, options, answer, () => [
        ...(answer.freezes.length === 0 ? ['Nothing is frozen.'] : []),
        ...answer.freezes.flatMap((freeze) => linesOf(freeze, look)),
        ...answer.unreadable.map((digest) =>
          look.style.red(`${visibleLine(digest)} does not verify: the record was tampered with`),
        ),
      ]);
    });
}

function linesOf({ by, reason, actionId, frozenAtMs, lifts, missing, ...freeze }: FreezeState, look: Look): string[] {
  const { width, style, nowMs } = look;
  const scope = freeze.scope as FreezeScope;
  const who = by === null ? `the executor, for the effect of ${visibleLine(actionId ?? '')}` : visibleLine(by);
  const needed = `${String(missing)} more ${missing === 1 ? 'person' : 'people'} can lift it: countersign unfreeze ${scopeWords(scope)}`;
  return [
    style.red(`Frozen: ${scopeSentence(scope)}`),
    `  by ${who}, ${instant(frozenAtMs)} (${relative(frozenAtMs, nowMs)})`,
    ...(reason === null ? [] : block(visibleText(reason), { margin: '    | ', width })),
    ...lifts.flatMap((lift) => [
      `  ${visibleLine(lift.person)} says that it may be lifted (${relative(lift.atMs, nowMs)}):`,
      ...block(visibleText(lift.reason), { margin: '    | ', width }),
    ]),
    ...block(needed, { margin: '  ', width }),
  ];
}
