import type { DecisionAnswer } from '../contracts/workflow.js';
import { Refusal, ServiceFault } from '../core/errors.js';

/** How an attempt in a chat ended, in words for the person who made it. */
export interface Ending {
  ok: boolean;
  /** Empty: there is nothing to tell. */
  words: string;
  /** A refusal made here; those of `Decisions` are already on record. */
  refusal: Refusal | null;
  /** What went wrong without being a refusal. */
  fault: unknown;
}

/** Judges, then acts. Never rejects. */
export async function attempt<T>(check: () => Promise<T>, act: (checked: T) => Promise<string>): Promise<Ending> {
  let checked: T;
  try {
    checked = await check();
  } catch (error) {
    return failed(error, error instanceof Refusal ? error : null);
  }
  try {
    return { ok: true, words: await act(checked), refusal: null, fault: null };
  } catch (error) {
    return failed(error, null);
  }
}

function failed(error: unknown, refusal: Refusal | null): Ending {
  if (error instanceof Refusal) return { ok: false, words: `Not counted: ${error.message}`, refusal, fault: null };
  const words =
    error instanceof ServiceFault
      ? 'It is not certain that your decision counts: a service that Countersign needs did not answer. Please try again in a moment; trying twice does no harm.'
      : 'Something went wrong here. Look at the message to see whether your decision counts, and try again if it does not.';
  return { ok: false, words, refusal: null, fault: error };
}

/** What a decision led to. */
export function wordsFor({ state, open }: DecisionAnswer): string {
  switch (state) {
    case 'waiting':
      return `Your approval counts. Still needed: ${open.map(({ group, places }) => `${String(places)} of ${group}`).join(' and ')}.`;
    case 'filled':
      return 'Your approval counts, and it was the last one needed. The action is checked once more and then runs.';
    case 'denied':
      return 'Denied. The action will not run; the agent is told your reason.';
  }
}
