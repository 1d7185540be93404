import { Refusal } from '../core/errors.js';
import { sha256Hex } from '../core/json.js';
import { visibleLine } from '../core/visible-text.js';
import type { Record as ActionRecord } from '../record/record.js';
import type { Log } from './log.js';
import { createRateLimiter } from './rate-limiter.js';

/** What is known of an attempt that was turned away. */
export interface RefusedAttempt {
  /** The action on record that it was about, once the sender was proven; else null. */
  action: { actionId: string; requestDigest: string } | null;
  /** Who tried, as far as it was proven, e.g. `agent/reporter`, `person/ada`. */
  who: string | null;
  /** SHA-256 of what was sent. */
  sentDigest: string | null;
  /** Whom the rate limit counts: the proven sender, else the address. */
  source: string;
}

/** Puts refusals on record. */
export interface Refusals {
  /**
   * Records a refusal, once per Refusal object. Never throws: the attempt is refused either way, and one that could
   * not be recorded is logged instead.
   */
  put(refusal: Refusal, attempt: RefusedAttempt): Promise<void>;
}

export interface RefusalsOptions {
  record: ActionRecord;
  clock: () => number;
  log: Log;
}

/** Past this many, an action's refusals are recorded without it: its receipt names all of its statements. */
export const REFUSALS_PER_ACTION = 100;

/** Per source: this many at once, then this many a minute. Beyond it a flood would fill the record. */
const REFUSAL_RATE = { burst: 30, perMinute: 30, sources: 10_000 } as const;

/**
 * Does what an authenticated person asked for about no single action; a refusal of it goes on record under their name.
 * @param person canonical
 * @param sent what they sent, as JSON
 */
export async function recordingRefusals<T>(
  refusals: Refusals,
  { person, sent }: { person: string; sent: unknown },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const who = `person/${person}`;
    if (error instanceof Refusal)
      await refusals.put(error, { action: null, who, sentDigest: sha256Hex(JSON.stringify(sent)), source: who });
    throw error;
  }
}

/** The record's side of every "no" of the gateway, rate-limited per source. */
export function createRefusals({ record, clock, log }: RefusalsOptions): Refusals {
  const limiter = createRateLimiter(REFUSAL_RATE, clock);
  const seen = new WeakSet<Refusal>();
  let unrecorded = 0;
  return {
    async put(refusal, { action, who, sentDigest, source }) {
      if (seen.has(refusal)) return;
      seen.add(refusal);
      log.info({ code: refusal.code, field: refusal.field, who, actionId: action?.actionId ?? null }, 'refused');
      if (!limiter.take(withoutPort(source))) {
        unrecorded += 1;
        log.warn({ source, unrecorded }, 'too many refusals from one source: this one is not on record');
        return;
      }
      const body = {
        code: refusal.code,
        field: refusal.field === null ? null : cut(visibleLine(refusal.field), 200),
        message: cut(visibleLine(refusal.message), 1_000),
        who: who === null ? null : cut(who, 200),
        sentDigest,
      };
      const requestDigest = action?.requestDigest ?? sentDigest ?? sha256Hex('');
      try {
        await record.append([{ kind: 'refusal', actionId: action?.actionId ?? null, requestDigest, body }]);
      } catch (error) {
        log.error({ err: error, code: refusal.code, who }, 'a refusal could not be recorded');
      }
    },
  };
}

/** Some proxies write the client's port beside its address: each connection would then be a source of its own. */
function withoutPort(source: string): string {
  return (
    /^(\d{1,3}(?:\.\d{1,3}){3}):\d+$/.exec(source)?.[1] ?? /^\[([\da-f:.]+)\](?::\d+)?$/i.exec(source)?.[1] ?? source
  );
}

function cut(text: string, chars: number): string {
  return text.length <= chars ? text : `${text.slice(0, chars - 1)}…`;
}
