import { createInterface } from 'node:readline/promises';
import { createStyle, type Style } from '../cli/render/style.js';

/** Where the development commands speak. */
export interface Terminal {
  style: Style;
  width: number;
  say(line?: string): void;
  /** Runs a step; on a terminal it says at once what it does, elsewhere when it is done. */
  step<T>(what: string, work: () => Promise<T>): Promise<T>;
  /** Waits for Enter; resolves at once when nobody is there to press it. */
  pause(prompt: string): Promise<void>;
}

const QUICK_MS = 1_000;

/**
 * @param attended whether a person is there to press Enter
 * @param output where all is said
 */
export function createTerminal(attended: boolean, output: NodeJS.WriteStream = process.stdout): Terminal {
  const style = createStyle(output.isTTY && process.env['NO_COLOR'] === undefined);
  const say = (line = ''): void => {
    output.write(`${line}\n`);
  };
  return {
    style,
    width: Math.min(110, Math.max(60, output.isTTY ? output.columns : 100)),
    say,
    async step(what, work) {
      const startedAtMs = Date.now();
      // Nothing is said of what is quick.
      const slow = setTimeout(() => {
        say(style.dim(`  ${what} …`));
      }, QUICK_MS);
      try {
        const done = await work();
        const tookMs = Date.now() - startedAtMs;
        say(style.dim(`  ${what}: done${tookMs > QUICK_MS ? ` in ${(tookMs / 1000).toFixed(1)} s` : ''}`));
        return done;
      } finally {
        clearTimeout(slow);
      }
    },
    async pause(prompt) {
      if (!attended) return;
      const ask = createInterface({ input: process.stdin, output });
      // Else the question fails, as if something had gone wrong.
      ask.once('SIGINT', () => process.emit('SIGINT'));
      await ask.question(style.cyan(`  ${prompt} `));
      ask.close();
    },
  };
}
