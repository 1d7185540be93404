import { Refusal } from '../core/errors.js';
import type { Keyring } from '../core/keyring.js';

export type ListedKeys = Pick<Keyring['keys'][number], 'keyid' | 'purpose' | 'publicKey'>[];

export interface NextKeyringInput {
  /** The keyring in force; null: this is the first. */
  previous: Keyring | null;
  /** Public keys as Vault has them now. */
  keys: ListedKeys;
  /** Ids of keys to leave out. */
  drop: readonly string[];
  /** When processes begin to sign with keys that are new; null: at once. */
  signsFromMs: number | null;
}

export interface NextKeyring {
  keyring: Keyring;
  /** Ids. */
  added: string[];
  dropped: string[];
}

/**
 * The keyring that follows: all keys of the previous one but those to drop, and those that are new.
 * @throws Refusal `field_invalid` when a key has become another one under its old id, a key to drop is unknown or still the
 *   only one of its purpose, or nothing would change.
 */
export function nextKeyring({ previous, keys, drop, signsFromMs }: NextKeyringInput): NextKeyring {
  const before = previous?.keys ?? [];
  for (const keyid of drop)
    if (![...before, ...keys].some((key) => key.keyid === keyid)) throw invalid(`There is no key ${keyid} to drop.`);
  for (const known of before) {
    const now = keys.find(({ keyid }) => keyid === known.keyid);
    // A key that Vault no longer has stays: what it signed must verify.
    if (now !== undefined && now.publicKey !== known.publicKey)
      throw invalid(
        `The key ${known.keyid} is another one than in the keyring: this is another Vault, or it was tampered with.`,
      );
  }
  const isNew = ({ keyid }: { keyid: string }): boolean => !before.some((known) => known.keyid === keyid);
  const added = keys.filter((key) => isNew(key) && !drop.includes(key.keyid));
  const dropped = before.filter(({ keyid }) => drop.includes(keyid));
  if (added.length === 0 && dropped.length === 0)
    throw invalid('Nothing would change: rotate a key in Vault first (vault write -f <mount>/keys/<purpose>/rotate).');
  const all: Keyring['keys'] = [
    ...before.filter(({ keyid }) => !drop.includes(keyid)),
    // A purpose that had no key signs with its first one at once.
    ...added.map((key) => (signsFromMs === null || !hasPurpose(before, key) ? key : { ...key, signsFromMs })),
  ];
  const signing = all.filter((key) => signsFromMs === null || key.signsFromMs !== signsFromMs);
  const without = before.find((key) => !hasPurpose(signing, key));
  if (without !== undefined)
    throw invalid(
      `No key of the purpose ${without.purpose} would be left to sign with. Drop it once the next one signs.`,
    );
  return {
    keyring: { number: (previous?.number ?? 0) + 1, keys: all },
    added: added.map(({ keyid }) => keyid),
    dropped: dropped.map(({ keyid }) => keyid),
  };
}

function hasPurpose(keys: readonly { purpose: string }[], { purpose }: { purpose: string }): boolean {
  return keys.some((key) => key.purpose === purpose);
}

function invalid(message: string): Refusal {
  return new Refusal('field_invalid', message);
}
