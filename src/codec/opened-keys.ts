import type { DataKeys } from '../record/contents.js';

/** Data keys that were wrapped, in clear. */
export interface OpenedKeys {
  /** The key of a wrapped form; null when the wrapping key did not wrap it, or no longer opens it. @throws ServiceFault `vault`. */
  find(wrapped: string): Promise<Uint8Array | null>;
  /** Takes in a key that was just made. */
  remember(wrapped: string, key: Uint8Array): void;
  /** Overwrites all keys. */
  close(): void;
}

/** What is kept of opened keys, and when Vault is asked again. */
export const OPENED_LIMITS = {
  keys: 4_096,
  /** Wrapped forms that Vault did not open; apart, so that forged ones displace none that is true. */
  foreign: 1_024,
  /** A key in use is shown to Vault again this often: one whose version was disabled there ends with it. */
  confirmEveryMs: 60 * 60_000,
  /** How long a key outlives Vault's last word: longer than any action waits. */
  keepMs: 35 * 24 * 60 * 60_000,
  /** After a failure. */
  askAgainMs: 60_000,
} as const;

interface Opened {
  key: Uint8Array;
  confirmedAtMs: number;
  askAtMs: number;
}

/** Asks once for each key, however many want it, and then knows it with a bound and an age. */
export function createOpenedKeys({ unwrap }: Pick<DataKeys, 'unwrap'>, clock: () => number): OpenedKeys {
  // What was confirmed last is at the end.
  const opened = new Map<string, Opened>();
  const foreign = createForeignKeys(clock);
  const asking = new Map<string, Promise<Uint8Array | null>>();

  const remember = (wrapped: string, key: Uint8Array): void => {
    const nowMs = clock();
    opened.delete(wrapped);
    opened.set(wrapped, { key, confirmedAtMs: nowMs, askAtMs: nowMs + OPENED_LIMITS.confirmEveryMs });
    for (const [oldest, { confirmedAtMs }] of opened) {
      if (opened.size <= OPENED_LIMITS.keys && nowMs - confirmedAtMs <= OPENED_LIMITS.keepMs) break;
      // Not overwritten: somebody may be about to use it.
      opened.delete(oldest);
    }
  };

  const ask = async (wrapped: string): Promise<Uint8Array | null> => {
    try {
      const key = await unwrap(wrapped);
      if (key !== null) remember(wrapped, key);
      else {
        opened.delete(wrapped);
        foreign.add(wrapped);
      }
      return key;
    } catch (error) {
      const known = opened.get(wrapped);
      if (known !== undefined) known.askAtMs = clock() + OPENED_LIMITS.askAgainMs;
      throw error;
    } finally {
      asking.delete(wrapped);
    }
  };
  const askOnce = (wrapped: string): Promise<Uint8Array | null> => {
    const underWay = asking.get(wrapped) ?? ask(wrapped);
    asking.set(wrapped, underWay);
    return underWay;
  };

  return {
    remember,
    find(wrapped) {
      const nowMs = clock();
      const known = opened.get(wrapped);
      if (known === undefined || nowMs - known.confirmedAtMs > OPENED_LIMITS.keepMs)
        return foreign.has(wrapped) ? Promise.resolve(null) : askOnce(wrapped);
      // Beside: nothing waits for Vault, and while it is away the key serves.
      if (nowMs >= known.askAtMs) askOnce(wrapped).catch(() => undefined);
      return Promise.resolve(known.key);
    },
    close() {
      for (const { key } of opened.values()) key.fill(0);
      opened.clear();
    },
  };
}

/** What Vault did not open, remembered for a while: it is not asked again for each replay. */
function createForeignKeys(clock: () => number) {
  const refusedAtMs = new Map<string, number>();
  return {
    has(wrapped: string): boolean {
      const atMs = refusedAtMs.get(wrapped);
      return atMs !== undefined && clock() - atMs < OPENED_LIMITS.confirmEveryMs;
    },
    add(wrapped: string): void {
      refusedAtMs.delete(wrapped);
      refusedAtMs.set(wrapped, clock());
      const [oldest] = refusedAtMs.keys();
      if (refusedAtMs.size > OPENED_LIMITS.foreign && oldest !== undefined) refusedAtMs.delete(oldest);
    },
  };
}
