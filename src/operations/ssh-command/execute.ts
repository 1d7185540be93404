import { createHash, randomBytes } from 'node:crypto';
import { OutcomeUnknown, Refusal, ServiceFault } from '../../core/errors.js';
import type { JsonObject } from '../../core/json.js';
import { readLines, type LineReader } from '../../targets/ssh-host/lines.js';
import { withSshSession, type SshSession } from '../../targets/ssh-host/session.js';
import type { SshHostTarget } from '../../targets/ssh-host.js';
import type { SshLogin } from '../../vault/credentials/ssh-certificate.js';
import { createArtefactWriter } from '../artefacts.js';
import type { ExecuteContext } from '../operation.js';
import { capture, measureOf, type CapturedOutput, type EndLine } from './output.js';
import { timeoutOf, type SshCommandParams } from './params.js';
import { describeCommand, readFacts } from './preview.js';

type CommandContext = ExecuteContext<SshCommandParams, SshHostTarget, SshLogin>;

/** From the end of its input until a command must be gone: two seconds by SIGTERM, then SIGKILL. */
const END_MS = 15_000;

// Beyond the command's own time: for connecting, and for ending what it started.
const CONNECTING_MS = 20_000;

const SEPARATOR = '\n----- standard error -----\n';

/**
 * Runs the approved command. The forced command tells of its host and waits; only when that is what was approved, and the
 * start is on record, it is told to go on. While this session lives the command may run; when it ends, it is ended.
 */
export async function executeCommand(context: CommandContext): Promise<JsonObject> {
  const { params, target, credential, host, actionId, signal } = context;
  const nowMs = Date.now();
  const timeoutSeconds = timeoutOf(params);
  if (credential.expiresAtMs - nowMs < timeoutSeconds * 1_000) {
    const seconds = Math.max(0, Math.floor((credential.expiresAtMs - nowMs) / 1_000));
    const message = `The command may run for ${String(timeoutSeconds)} seconds, but its lease lasts ${String(seconds)} more: ask for less time, or have policy lend for longer. Nothing ran.`;
    throw new Refusal('params_invalid', message, 'params.timeoutSeconds');
  }
  signal.throwIfAborted();
  const request = { target, login: credential.material, host, words: ['run', actionId] };
  return withSshSession(request, async (session) => {
    const endInput = (): void => {
      session.input.end();
    };
    signal.addEventListener('abort', endInput, { once: true });
    const timer = setTimeout(endInput, timeoutSeconds * 1_000 + CONNECTING_MS);
    try {
      return await runIn(session, context, nowMs);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', endInput);
    }
  });
}

async function runIn(session: SshSession, context: CommandContext, nowMs: number): Promise<JsonObject> {
  const { params, target, signal } = context;
  const reader = readLines(session.output);
  // From the start: an unread stream would hold up the others.
  const errors = capture(session.errors, null);
  errors.catch(() => undefined); // awaited below, or of no interest
  const told = await readFacts(target.name, reader);
  signal.throwIfAborted();
  if (told === null) throw await notReady(session, target);
  if ('spent' in told) throw alreadyRun(target);
  const now = describeCommand({ params, target, pastCommands: 1, nowMs }, told.facts);
  await context.beginEffect(now);
  signal.throwIfAborted();
  const nonce = randomBytes(16).toString('hex');
  const startedAtMs = Date.now();
  session.input.write(`go ${nonce}\n`);
  const output = await finished(session, reader, nonce, context);
  const ended = judgeEnd(output.end, target, timeoutOf(params));
  const streams = { stdout: output, stderr: await errors };
  const durationMs = Date.now() - startedAtMs;
  return keepOutput(context, streams, { ...ended, durationMs });
}

async function notReady({ ended, explain }: SshSession, { name }: SshHostTarget): Promise<ServiceFault> {
  await Promise.race([ended, wait(2_000)]);
  const fault = await explain();
  return /ended before it was done/.test(fault.message)
    ? new ServiceFault(
        'target',
        `${name} did not get ready for the command: its user needs a home folder of its own to write in, /proc, and the tools of POSIX. Nothing ran.`,
        false,
      )
    : fault;
}

function alreadyRun({ name }: SshHostTarget): Refusal {
  return new Refusal(
    'already_claimed',
    `${name} has seen this action, or this certificate, before: it is run once. Nothing ran now.`,
  );
}

/** All that the command writes, until it has ended; on abort until it is ended. */
async function finished(
  session: SshSession,
  reader: LineReader,
  nonce: string,
  { signal, target, progress }: CommandContext,
): Promise<CapturedOutput & { end: EndLine | null }> {
  const beat = setInterval(() => {
    progress({});
  }, 5_000);
  const stuck = new Promise<never>((_, reject) => {
    const give = (): void => {
      const message = `The command on ${target.name} could not be ended: processes of it may still run there. The notary goes on ending them.`;
      setTimeout(() => {
        reject(new OutcomeUnknown(message));
      }, END_MS).unref();
    };
    if (session.input.writableEnded) give();
    else session.input.once('finish', give);
  });
  stuck.catch(() => undefined); // when it came too late to matter
  try {
    const first = await Promise.race([reader.line(), stuck]);
    if (first === 'spent') throw alreadyRun(target);
    const output = await Promise.race([capture(reader.rest(), nonce), stuck]);
    signal.throwIfAborted();
    return output;
  } finally {
    clearInterval(beat);
  }
}

function judgeEnd(
  end: EndLine | null,
  { name }: SshHostTarget,
  timeoutSeconds: number,
): EndLine & { exitCode: number } {
  if (end === null) {
    const message = `The connection to ${name} was lost before the command ended. It is ended there when its host notices; how far it came is not known.`;
    throw new OutcomeUnknown(message);
  }
  const { reason, exitCode } = end;
  if (reason === 'timeout') {
    const message = `The command was ended after ${String(timeoutSeconds)} seconds, the most this request allows. What it did until then stays done.`;
    throw new ServiceFault('target', message, false);
  }
  if (reason === 'stopped' || exitCode === null)
    throw new ServiceFault(
      'target',
      'The command was ended before it was done. What it did until then stays done.',
      false,
    );
  return { ...end, exitCode };
}

async function keepOutput(
  { actionId, artefactsDir, retainUntilMs }: CommandContext,
  { stdout, stderr }: { stdout: CapturedOutput; stderr: CapturedOutput },
  { exitCode, leftProcesses, durationMs }: { exitCode: number; leftProcesses: number; durationMs: number },
): Promise<JsonObject> {
  const text = Buffer.concat([stdout.kept, ...(stderr.bytes === 0 ? [] : [Buffer.from(SEPARATOR), stderr.kept])]);
  const facts = {
    sha256: createHash('sha256').update(text).digest('hex'),
    bytes: text.length,
    rows: text.filter((byte) => byte === 0x0a).length,
    format: 'txt' as const,
  };
  const details = { exitCode, leftProcesses, durationMs, stdout: measureOf(stdout), stderr: measureOf(stderr) };
  const writer = await createArtefactWriter(artefactsDir, actionId, facts.format);
  try {
    await writer.write(once(text));
    await writer.publish({ ...facts, retainUntilMs, details });
  } catch (error) {
    await writer.discard();
    throw error;
  }
  return { file: `${actionId}.${facts.format}`, ...facts, ...details };
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
