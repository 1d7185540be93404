// What the scripts share: steps that tell what they do and how long they took, and errors that tell what to do.
import { spawn } from 'node:child_process';

/** A failure with a message for people: printed without a stack. */
export class StepError extends Error {}

/** Runs `work`; says so while it takes longer than a second, and how long it took. */
export async function step(title, work) {
  const startedAt = Date.now();
  const seconds = () => ((Date.now() - startedAt) / 1000).toFixed(1);
  const announce = setTimeout(() => console.log(`  ${title} …`), 1_000);
  const remind = setInterval(() => console.log(`  ${title}: ${seconds()} s so far`), 15_000);
  try {
    const result = await work();
    if (Date.now() - startedAt > 1_000) console.log(`  ${title}: done in ${seconds()} s`);
    return result;
  } finally {
    clearTimeout(announce);
    clearInterval(remind);
  }
}

/** Runs a command without stdin. Resolves with exit code and all output; `error` is set when it could not be started. */
export function run(command, args, { cwd, env = process.env } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => resolve({ code: 127, output, error }));
    child.on('close', (code, signal) => resolve({ code: code ?? signal, output }));
  });
}

/** The end of a command's output, for an error message. */
export function tail(output, lines = 25) {
  return output
    .trimEnd()
    .split('\n')
    .slice(-lines)
    .map((line) => `    ${line}`)
    .join('\n');
}

/** Runs a script's main function; a StepError is printed, anything else is a bug and keeps its stack. */
export async function main(work) {
  try {
    await work();
  } catch (error) {
    console.error(error instanceof StepError ? `\n${error.message}` : error);
    process.exitCode = 1;
  }
}
