import { createInterface } from 'node:readline/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { WriteStream } from 'node:tty';
import type { CliContext, Output } from './context.js';
import { readCliEnvironment } from './environment.js';
import { runCli } from './program.js';

const interruption = new AbortController();
// Once: a second Ctrl-C ends the process at once, whatever it is doing.
process.once('SIGINT', () => {
  interruption.abort();
});
// Whoever reads us may stop reading (`| head`): that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

const context: CliContext = {
  environment: readCliEnvironment(),
  stdout: outputTo(process.stdout),
  stderr: outputTo(process.stderr),
  ask: process.stdin.isTTY ? ask : null,
  nowMs: () => Date.now(),
  pause: async (ms) => delay(ms, undefined, { signal: interruption.signal }),
  signal: interruption.signal,
};

process.exitCode = await runCli(process.argv.slice(2), context);

function outputTo(stream: WriteStream): Output {
  return {
    get isTty() {
      // On a pipe Node leaves it undefined.
      return (stream.isTTY as boolean | undefined) === true;
    },
    get columns() {
      return stream.columns as number | undefined;
    },
    write: (text) => {
      stream.write(text);
    },
  };
}

async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await terminal.question(question, { signal: interruption.signal });
  } finally {
    terminal.close();
  }
}
