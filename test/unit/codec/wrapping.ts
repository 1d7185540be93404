import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { DataKeys } from '../../../src/record/contents.js';
import { VaultFault } from '../../../src/vault/vault-fault.js';

/** What wraps data keys as Vault's transit engine does, and can be away; counts what it is asked. */
export interface Wrapping extends DataKeys {
  asked: { make: number; unwrap: number };
  isAway: boolean;
  /** Keys wrapped by earlier versions are no longer opened. */
  disableOldVersions(): void;
  rotate(): void;
}

export function createWrapping(): Wrapping {
  const versions = [randomBytes(32)];
  let oldest = 1;
  const wrapping: Wrapping = {
    asked: { make: 0, unwrap: 0 },
    isAway: false,
    rotate: () => versions.push(randomBytes(32)),
    disableOldVersions: () => (oldest = versions.length),
    async make() {
      wrapping.asked.make += 1;
      requirePresent();
      const key = randomBytes(32);
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', versions.at(-1) ?? key, nonce);
      const bytes = Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()]);
      return { key, wrapped: `vault:v${String(versions.length)}:${bytes.toString('base64')}` };
    },
    async unwrap(wrapped) {
      wrapping.asked.unwrap += 1;
      requirePresent();
      const [, version = '', text = ''] = wrapped.split(':');
      const number = Number(version.slice(1));
      const key = versions[number - 1];
      if (key === undefined || number < oldest) return null;
      const bytes = Buffer.from(text, 'base64');
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12));
        decipher.setAuthTag(bytes.subarray(-16));
        return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
      } catch {
        return null;
      }
    },
  };
  const requirePresent = (): void => {
    if (wrapping.isAway) throw new VaultFault('transit', 503, ['Vault is sealed']);
  };
  return wrapping;
}
