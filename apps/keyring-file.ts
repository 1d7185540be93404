import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { CommonConfig } from '../src/config/common.js';
import type { Envelope } from '../src/core/dsse.js';
import { createKeyringReader, type Keyring } from '../src/core/keyring.js';
import { loopEvery } from './loop.js';

/** The keyring in force, which may become a newer one while the process runs. */
export interface KeyringFile {
  keyring(): Keyring;
  /** As the root sealed it. */
  sealed(): Envelope;
  /** Looks at the file from now on. A content that is not taken is told once; what was in force stays. */
  follow(logger: Pick<Logger, 'warn' | 'error'>, everyMs?: number): { stop(): Promise<void> };
}

type KeyringConfig = Pick<
  CommonConfig,
  'COUNTERSIGN_ROOT_KEY' | 'COUNTERSIGN_KEYRING_FILE' | 'COUNTERSIGN_KEYRING_MIN_NUMBER'
>;

// Not by notices of the file system: a mounted secret is exchanged by links, of which some tell nothing.
const LOOK_EVERY_MS = 2_000;

/**
 * Reads the keyring's file, and again whenever it changes. It never goes back: neither to an older one than was in force,
 * nor below the least number that configuration pins.
 * @throws when the first one is not signed by the root, too old, or cannot be read.
 */
export async function openKeyringFile(config: KeyringConfig): Promise<KeyringFile> {
  const { COUNTERSIGN_KEYRING_FILE: file, COUNTERSIGN_ROOT_KEY: publicKey } = config;
  const read = createKeyringReader({ keyid: 'root', publicKey }, config.COUNTERSIGN_KEYRING_MIN_NUMBER);
  let seen = await readFile(file, 'utf8');
  let sealed = JSON.parse(seen) as Envelope;
  let keyring = read(sealed);
  return {
    keyring: () => keyring,
    sealed: () => sealed,
    follow(logger, everyMs = LOOK_EVERY_MS) {
      const look = async (): Promise<void> => {
        const text = await readFile(file, 'utf8');
        if (text === seen) return;
        seen = text;
        const candidate = JSON.parse(text) as Envelope;
        keyring = read(candidate);
        sealed = candidate;
        logger.warn({ number: keyring.number, keys: keyring.keys.length }, 'another keyring is in force');
      };
      return loopEvery(everyMs, look, (error) => {
        logger.error({ err: error }, 'The keyring file was not taken; what is in force stays.');
      });
    },
  };
}
