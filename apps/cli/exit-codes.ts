import { Refusal, ServiceFault } from '../../src/core/errors.js';
import type { Outcome } from '../../src/core/schemas/action.js';
import { WaitTimedOut } from '../../src/client/wait.js';
import { lackOf } from '../installed.js';

/** What a script can tell from the exit code; also listed in docs/cli.md. */
export const EXIT = {
  ok: 0,
  /** A defect, or something this program does not know. */
  unexpected: 1,
  /** The command line is wrong, or a file it names cannot be used. */
  usage: 2,
  /** Somebody said no: gateway, policy, or a check that did not hold. */
  refused: 3,
  /** The action ended without running: denied, expired, withdrawn or cancelled. */
  notApproved: 4,
  /** The action ran and failed, or nobody knows what came of it. */
  failed: 5,
  /** The gateway, the identity provider or another service cannot be reached. */
  unreachable: 6,
  notSignedIn: 7,
  /** The action has not ended; it goes on. */
  waitTimedOut: 8,
  /** It ran, and what was observed is not what had been declared. */
  effectMismatch: 9,
  /** Ctrl-C, as shells report it. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A mistake in the command line, or in a file that it names. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The exit code of an action that has ended. */
export function exitCodeOf(status: Outcome['status']): ExitCode {
  switch (status) {
    case 'succeeded':
      return EXIT.ok;
    case 'refused':
      return EXIT.refused;
    case 'denied':
    case 'expired':
    case 'withdrawn':
    case 'cancelled':
      return EXIT.notApproved;
    case 'effect_mismatch':
      return EXIT.effectMismatch;
    case 'failed':
    case 'unknown':
    case 'interrupted':
      return EXIT.failed;
  }
}

/** What the user is told of an error; stacks are for defects only. */
export interface Complaint {
  exitCode: ExitCode;
  code: string;
  field: string | null;
  message: string;
}

/** Translates any error, once, at the edge. */
export function complaintOf(error: unknown): Complaint {
  if (error instanceof UsageError) {
    return { exitCode: EXIT.usage, code: 'usage', field: null, message: error.message };
  }
  if (error instanceof WaitTimedOut) {
    return { exitCode: EXIT.waitTimedOut, code: 'wait_timed_out', field: null, message: error.message };
  }
  if (error instanceof Refusal) {
    const exitCode = error.code === 'unauthenticated' ? EXIT.notSignedIn : EXIT.refused;
    return { exitCode, code: error.code, field: error.field, message: error.message };
  }
  if (error instanceof ServiceFault) {
    const exitCode = error.temporary ? EXIT.unreachable : EXIT.unexpected;
    return { exitCode, code: `${error.service}_unavailable`, field: null, message: error.message };
  }
  if (error instanceof Error && error.name === 'AbortError') {
    return { exitCode: EXIT.interrupted, code: 'interrupted', field: null, message: 'Interrupted.' };
  }
  const lack = lackOf(error);
  if (lack !== null) return { exitCode: EXIT.unexpected, code: 'not_installed', field: null, message: lack };
  const message = error instanceof Error ? error.message : String(error);
  return { exitCode: EXIT.unexpected, code: 'internal', field: null, message };
}
