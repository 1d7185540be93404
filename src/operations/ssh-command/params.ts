import { z } from 'zod';
import { nameSchema } from '../../core/schemas/primitives.js';
import { plainPathSchema } from '../../targets/ssh-host.js';

/** Limits on what one command may ask for; each is refused by name when it is exceeded. */
export const COMMAND_LIMITS = {
  words: 64,
  /** All words together, in UTF-8. */
  bytes: 8_192,
  /** The default and the highest value of `timeoutSeconds`. */
  defaultTimeoutSeconds: 60,
  timeoutSeconds: 3_600,
  /** Of standard output and of standard error, each: what is kept. The rest is counted and hashed. */
  keptBytes: 1_048_576,
} as const;

/** Characters that people could not see, or that would turn or hide the text around them; line feed and tab are shown. */
const UNSEEN = /(?![\n\t])[\p{C}\u2028\u2029]/u;

const wordSchema = z.string().refine((word) => !UNSEEN.test(word), {
  error: 'must not hold control, formatting or other invisible characters, except line feeds and tabs',
});

/** What an agent asks for: one program with its arguments, run on one host without a shell in between. */
export const paramsSchema = z.strictObject({
  target: nameSchema,
  /** The program's absolute path, then its arguments, each reaching it exactly as written. */
  command: z
    .tuple([plainPathSchema], wordSchema)
    .refine((words) => words.length <= COMMAND_LIMITS.words, {
      error: `must be at most ${String(COMMAND_LIMITS.words)} words`,
    })
    .refine((words) => Buffer.byteLength(words.join(' ')) <= COMMAND_LIMITS.bytes, {
      error: `must be at most ${String(COMMAND_LIMITS.bytes)} bytes together`,
    }),
  /** After this the command is ended, and with it all that it started. Default 60. */
  timeoutSeconds: z.int().min(1).max(COMMAND_LIMITS.timeoutSeconds).optional(),
  /** Exit codes that count as success. Default: 0 only. */
  expectedExitCodes: z.array(z.int().min(0).max(255)).min(1).max(20).optional(),
});
export type SshCommandParams = z.infer<typeof paramsSchema>;

/** How long the command may run. */
export function timeoutOf({ timeoutSeconds }: SshCommandParams): number {
  return timeoutSeconds ?? COMMAND_LIMITS.defaultTimeoutSeconds;
}

/** The exit codes that count as success. */
export function expectedCodesOf({ expectedExitCodes }: SshCommandParams): readonly number[] {
  return expectedExitCodes ?? [0];
}
