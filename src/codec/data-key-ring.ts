import type { DataKey, DataKeys } from '../record/contents.js';
import { createOpenedKeys, OPENED_LIMITS, type OpenedKeys } from './opened-keys.js';

/** Data keys in clear, in memory alone. What it knows, it knows without Vault. */
export interface DataKeyRing extends Pick<OpenedKeys, 'find' | 'close'> {
  /**
   * The key to encrypt with. Vault is asked at the first use; later renewals happen beside, and the present key serves until
   * one succeeds.
   * @throws ServiceFault `vault`.
   */
  current(): Promise<DataKey>;
}

export interface DataKeyRingOptions {
  keys: DataKeys;
  clock: () => number;
  /** How long one key encrypts. */
  renewAfterMs: number;
}

/** How much one key encrypts. */
export const SEALING_LIMITS = {
  /** Payloads, before another key is asked for. */
  renewAfterUses: 2 ** 20,
  /** Nonces are random: NIST SP 800-38D allows 2^32 under one key. Nothing is encrypted beyond this. */
  uses: 2 ** 31,
} as const;

interface Sealing extends DataKey {
  renewAtMs: number;
  uses: number;
}

/** Keeps the keys of `keys` in memory, with a bound and an age. */
export function createDataKeyRing({ keys, clock, renewAfterMs }: DataKeyRingOptions): DataKeyRing {
  const opened = createOpenedKeys(keys, clock);
  let sealing: Sealing | null = null;
  let making: Promise<Sealing> | null = null;

  const make = async (): Promise<Sealing> => {
    try {
      const made = await keys.make();
      opened.remember(made.wrapped, made.key);
      sealing = { ...made, renewAtMs: clock() + renewAfterMs, uses: 0 };
      return sealing;
    } catch (error) {
      if (sealing !== null) sealing.renewAtMs = clock() + OPENED_LIMITS.askAgainMs;
      throw error;
    } finally {
      making = null;
    }
  };

  return {
    find: (wrapped) => opened.find(wrapped),
    async current() {
      const present = sealing !== null && sealing.uses < SEALING_LIMITS.uses ? sealing : await (making ??= make());
      present.uses += 1;
      // Beside: nothing waits for Vault, and while it is away the present key serves.
      if (clock() >= present.renewAtMs || present.uses === SEALING_LIMITS.renewAfterUses)
        (making ??= make()).catch(() => undefined);
      return present;
    },
    close() {
      opened.close();
      sealing = null;
    },
  };
}
