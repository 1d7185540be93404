import type { CliContext, Output } from '../../../apps/cli/context.js';
import { cliEnvironmentSchema } from '../../../apps/cli/environment.js';
import { runCli } from '../../../apps/cli/program.js';
import { NOW_MS } from './action-fixture.js';

export interface RunOptions {
  environment?: Record<string, string>;
  /** Answers of the person at the terminal, in order; without it nobody can be asked. */
  answers?: (string | (() => string))[];
  terminal?: boolean;
  columns?: number;
  nowMs?: () => number;
  pause?: (ms: number) => Promise<void>;
  /** Sees what goes to standard error, as it comes. */
  onError?: (text: string) => void;
  signal?: AbortSignal;
}

export interface Ran {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs a command line in this process, with everything of the user's caught. */
export async function run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const outputTo = (parts: string[], seen?: (text: string) => void): Output => ({
    isTty: options.terminal ?? false,
    columns: options.columns,
    write: (text) => {
      parts.push(text);
      seen?.(text);
    },
  });
  const answers = options.answers === undefined ? null : [...options.answers];
  const context: CliContext = {
    environment: cliEnvironmentSchema.parse(options.environment ?? {}),
    stdout: outputTo(out),
    stderr: outputTo(err, options.onError),
    ask:
      answers === null
        ? null
        : async (question) => {
            err.push(question);
            const answer = answers.shift() ?? '';
            return typeof answer === 'string' ? answer : answer();
          },
    nowMs: options.nowMs ?? (() => NOW_MS),
    pause: options.pause ?? (async () => undefined),
    signal: options.signal ?? new AbortController().signal,
  };
  const exitCode = await runCli(args, context);
  return { exitCode, stdout: out.join(''), stderr: err.join('') };
}
