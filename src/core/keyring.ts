import { z } from 'zod';
import { open, seal, type Envelope, type PublicKey, type Signer } from './dsse.js';
import type { VerifyEd25519 } from './ed25519.js';
import { Refusal } from './errors.js';
import { timeMsSchema } from './schemas/primitives.js';
import type { StatementKind } from './schemas/statements.js';

/** What a key is for: the name of its Vault transit key. `agent` keys are in the directory instead. */
export const KEY_PURPOSES = ['decision', 'intake', 'worker', 'executor', 'receipt', 'checkpoint'] as const;
export type KeyPurpose = (typeof KEY_PURPOSES)[number];

/** Who may say what: the only keys whose signature counts for a kind of statement. */
export const SIGNERS_OF: Record<StatementKind, readonly (KeyPurpose | 'agent')[]> = {
  // `intake` only for agents without a key of their own: see `signsByIntake` in src/record/verify-statement.ts.
  request: ['agent', 'intake'],
  withdrawal: ['agent', 'intake'],
  provenance: ['intake'],
  attachment: ['intake'],
  refusal: ['intake', 'worker', 'executor', 'receipt'],
  preview: ['worker'],
  plan: ['worker'],
  decision: ['decision'],
  escalation: ['worker'],
  claim: ['executor'],
  lease: ['worker', 'executor', 'receipt'],
  credential: ['worker', 'executor', 'receipt'],
  effect: ['executor'],
  result: ['executor'],
  // The gateway's only when people find that a broken glass was not justified, the worker's of a stolen lease: see `checkForm` as well.
  incident: ['worker', 'executor', 'decision'],
  // The executor's are under an action, a person's about none: see `checkForm` in src/record/verify-statement.ts.
  freeze: ['executor', 'decision'],
  unfreeze: ['decision'],
  alarm: ['intake', 'worker', 'executor', 'receipt'],
  clearance: ['decision'],
  adoption: ['intake', 'worker', 'executor', 'receipt'],
  retrospective: ['decision'],
  revocation: ['receipt'],
  receipt: ['receipt'],
  archive: ['receipt'],
  fetch: ['intake'],
};

const keyringSchema = z.strictObject({
  number: z.int().positive(),
  keys: z
    .array(
      z.strictObject({
        keyid: z.string().max(200),
        purpose: z.enum(KEY_PURPOSES),
        publicKey: z.base64(),
        /** From when on its process signs with it, so that all know it by then; absent: at once. Who verifies does not ask. */
        signsFromMs: timeMsSchema.optional(),
      }),
    )
    .max(500),
});

/** All versions of all process keys; signed by the offline root, so that a verifier needs to be given the root only. */
export type Keyring = z.infer<typeof keyringSchema>;

/** Seals a keyring with the root key (done once at installation, and at each rotation). */
export async function sealKeyring(keyring: Keyring, root: Signer): Promise<Envelope> {
  const [envelope] = await seal([keyring], root);
  if (envelope === undefined) throw new Error('sealKeyring: nothing was signed');
  return envelope;
}

/**
 * Opens a keyring.
 * @param verify default: pure JavaScript.
 * @throws Refusal when the root did not sign it or it is not a keyring.
 */
export function openKeyring(envelope: unknown, root: PublicKey, verify?: VerifyEd25519): Keyring {
  const opened = open(envelope, [root], verify);
  if (!opened.ok)
    throw new Refusal('statement_invalid', `The keyring is not signed by the root key (${opened.fault}).`);
  const parsed = keyringSchema.safeParse(opened.payload);
  if (!parsed.success)
    throw new Refusal('statement_invalid', `The keyring is malformed: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/**
 * Opens the keyrings of one root, one after the other, and never goes back: an older one may still hold a key that was
 * given up since. What was seen is forgotten with the process, and so configuration pins the least number.
 * @returns a function like `openKeyring`, which also throws Refusal `statement_invalid` for a number below the highest it
 *   opened, or below the least.
 */
export function createKeyringReader(root: PublicKey, leastNumber = 1): (envelope: unknown) => Keyring {
  let highest = 0;
  return (envelope) => {
    const keyring = openKeyring(envelope, root);
    if (keyring.number < leastNumber || keyring.number < highest) {
      const why =
        keyring.number < highest
          ? `number ${String(highest)} was in force already`
          : `configuration pins ${String(leastNumber)} as the least`;
      const message = `The keyring has number ${String(keyring.number)}; ${why}. Give the newest.`;
      throw new Refusal('statement_invalid', message);
    }
    highest = keyring.number;
    return keyring;
  };
}

/** The keys that may sign a kind of statement. */
export function keysFor(keyring: Keyring, kind: StatementKind): PublicKey[] {
  return keyring.keys.filter((key) => SIGNERS_OF[kind].includes(key.purpose));
}

/** The same without all else that the keyring says of them: what a workflow needs. */
export function publicKeysFor(keyring: Keyring, kind: StatementKind): PublicKey[] {
  return keysFor(keyring, kind).map(({ keyid, publicKey }) => ({ keyid, publicKey }));
}

/** All versions of one purpose's key. */
export function keysOfPurpose(keyring: Keyring, purpose: KeyPurpose): PublicKey[] {
  return keyring.keys.filter((key) => key.purpose === purpose);
}

/** The version of a purpose's key that its process signs with: the newest whose time has come; undefined without any. */
export function signingKeyOf(keyring: Keyring, purpose: KeyPurpose, nowMs: number): PublicKey | undefined {
  const listed = keyring.keys.filter((key) => key.purpose === purpose && (key.signsFromMs ?? 0) <= nowMs);
  return listed.reduce<PublicKey | undefined>(
    (newest, key) => (newest === undefined || versionOf(key) > versionOf(newest) ? key : newest),
    undefined,
  );
}

/** Of a Vault transit key: the number in `purpose/number`. */
export function versionOf({ keyid }: PublicKey): number {
  const [, version] = /^[a-z]+\/([1-9][0-9]{0,9})$/.exec(keyid) ?? [];
  return Number(version ?? 0);
}
