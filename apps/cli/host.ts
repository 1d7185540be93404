import type { Command } from 'commander';
import { visibleJson } from '../../src/core/visible-text.js';
import type { CliContext } from './context.js';
import type { ExitCode } from './exit-codes.js';
import type { Look } from './render/action.js';
import { styleFor, widthOf } from './render/style.js';

/** Options of every command. */
export interface GlobalOptions {
  gateway?: string;
  insecureHttp?: boolean;
  json?: boolean;
}

/** What a command is given to add itself to. */
export interface CommandHost {
  program: Command;
  context: CliContext;
  /** Sets what the program exits with; 0 where a command says nothing. */
  exit: (code: ExitCode) => void;
}

/** Prints a command's result: one JSON document, or lines for people. */
export function report(
  context: CliContext,
  options: GlobalOptions,
  value: unknown,
  lines: () => readonly string[],
): void {
  const text = options.json === true ? visibleJson(value) : lines().join('\n');
  context.stdout.write(`${text}\n`);
}

/** How to lay out what goes to standard output. */
export function lookOf(context: CliContext, output = context.stdout): Look {
  return { width: widthOf(output), style: styleFor(context, output), nowMs: context.nowMs(), logs: 'tail' };
}
