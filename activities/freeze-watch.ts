import { Refusal } from '../src/core/errors.js';
import { refusalOf } from '../src/enforcement/frozen.js';
import type { Policy } from '../src/policy/policy.js';
import type { Changes } from '../src/record/changes.js';
import { personsFreezeOver, scopesOver, type FreezeSubject } from '../src/record/freezes.js';
import type { Record } from '../src/record/record.js';

/** Tells an effect that runs that somebody has frozen it. */
export interface FreezeWatch {
  /** Watches until `stop`. What was frozen before that, whoever watches must ask for. */
  over(subject: FreezeSubject): Watched;
}

/** One subject that is watched. */
export interface Watched {
  /** Aborted once a person has frozen it; its reason is the Refusal. */
  frozen: AbortSignal;
  /** Why it was stopped, asked of the record where nothing was told yet; null when nobody has frozen it, as far as is known. */
  whyFrozen(): Promise<Refusal | null>;
  stop(): void;
}

export interface FreezeWatchOptions {
  record: Pick<Record, 'freezesOf'>;
  policy: () => Policy;
  changes: Changes;
  onInternal: (error: unknown) => void;
  /** How often each running effect is looked after though nothing was told. Default 5,000. */
  pollMs?: number;
}

/**
 * Makes the watch over what runs: it looks when something was frozen, and now and then all the same. Only what a person froze
 * stops what runs; what the executor froze, it froze for an effect that is over.
 */
export function createFreezeWatch(options: FreezeWatchOptions): FreezeWatch {
  const { changes, onInternal, pollMs = 5_000 } = options;
  return {
    over(subject) {
      const stopping = new AbortController();
      const look = (): void => {
        frozenBy(subject, options).then(
          (refusal) => {
            if (refusal !== null) stopping.abort(refusal);
          },
          // Where the record is away, the lease's end is the limit; it is asked again.
          onInternal,
        );
      };
      const unsubscribe = changes.subscribe((change) => {
        if (change.kind === 'freeze' || change.kind === 'any') look();
      });
      const timer = setInterval(look, pollMs);
      return {
        frozen: stopping.signal,
        async whyFrozen() {
          const told: unknown = stopping.signal.reason;
          return told instanceof Refusal ? told : frozenBy(subject, options).catch(() => null);
        },
        stop() {
          unsubscribe();
          clearInterval(timer);
        },
      };
    },
  };
}

/** Why the subject must stop; null when it need not. */
async function frozenBy(
  subject: FreezeSubject,
  { record, policy }: Pick<FreezeWatchOptions, 'record' | 'policy'>,
): Promise<Refusal | null> {
  const { directory } = policy();
  const freeze = personsFreezeOver(await record.freezesOf(scopesOver(subject)), subject, directory);
  return freeze === undefined ? null : refusalOf(freeze, directory);
}
