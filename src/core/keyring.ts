import { z } from 'zod';
import { open, seal, type Envelope, type PublicKey, type Signer } from './dsse.js';
import { Refusal } from './errors.js';
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
  incident: ['executor'],
  freeze: ['executor'],
  unfreeze: ['decision'],
  alarm: ['intake', 'worker', 'executor', 'receipt'],
  clearance: ['decision'],
  revocation: ['receipt'],
  receipt: ['receipt'],
  fetch: ['intake'],
};

const keyringSchema = z.strictObject({
  number: z.int().positive(),
  keys: z
    .array(z.strictObject({ keyid: z.string().max(200), purpose: z.enum(KEY_PURPOSES), publicKey: z.base64() }))
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
 * @throws Refusal when the root did not sign it or it is not a keyring.
 */
export function openKeyring(envelope: unknown, root: PublicKey): Keyring {
  const opened = open(envelope, [root]);
  if (!opened.ok)
    throw new Refusal('statement_invalid', `The keyring is not signed by the root key (${opened.fault}).`);
  const parsed = keyringSchema.safeParse(opened.payload);
  if (!parsed.success)
    throw new Refusal('statement_invalid', `The keyring is malformed: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/**
 * Opens the keyrings of one root, one after the other, and never goes back: an older one may still hold a key that was
 * given up since. What was seen is forgotten with the process.
 * @returns a function like `openKeyring`, which also throws Refusal `statement_invalid` for a number below the highest it opened.
 */
export function createKeyringReader(root: PublicKey): (envelope: unknown) => Keyring {
  let highest = 0;
  return (envelope) => {
    const keyring = openKeyring(envelope, root);
    if (keyring.number < highest) {
      const message = `The keyring has number ${String(keyring.number)}; number ${String(highest)} was in force already. Give the newest.`;
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
