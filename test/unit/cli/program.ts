import { cliEnvironmentSchema } from '../../../apps/cli/environment.js';
import { createProgram } from '../../../apps/cli/program.js';

const output = { isTty: false, columns: 100, write: () => undefined };

/** The command line's commands, to be looked at: nothing that it says is seen. */
export const program = createProgram(
  {
    environment: cliEnvironmentSchema.parse({}),
    stdout: output,
    stderr: output,
    ask: null,
    nowMs: () => 0,
    pause: async () => undefined,
    signal: new AbortController().signal,
  },
  () => undefined,
);
