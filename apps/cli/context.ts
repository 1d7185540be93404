import type { CliEnvironment } from './environment.js';

/** A stream of text to the user. */
export interface Output {
  isTty: boolean;
  /** Characters in a line, where it is known. */
  columns: number | undefined;
  write(text: string): void;
}

/** All that a command takes from the process it runs in. */
export interface CliContext {
  environment: CliEnvironment;
  /** Results only. */
  stdout: Output;
  /** Progress, questions, complaints. */
  stderr: Output;
  /** Asks on the terminal; null where nobody can answer. */
  ask: ((question: string) => Promise<string>) | null;
  nowMs(): number;
  /** Resolves after a time; rejects when `signal` aborts. */
  pause(ms: number): Promise<void>;
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
}
