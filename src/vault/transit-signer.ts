import { base64 } from '@scure/base';
import { z } from 'zod';
import type { Signer } from '../core/dsse.js';
import { KEY_PURPOSES, signingKeyOf, versionOf, type Keyring, type KeyPurpose } from '../core/keyring.js';
import { parseAnswer } from './answers.js';
import type { VaultClient } from './client.js';
import { scrub, VaultFault } from './vault-fault.js';

export interface TransitSignerOptions {
  client: VaultClient;
  /** Mount of the transit engine. */
  mount: string;
  /** Name of the transit key: the same as its purpose. */
  purpose: KeyPurpose;
}

const keySchema = z.object({
  data: z.object({
    type: z.literal('ed25519'),
    latest_version: z.int().positive(),
    keys: z.record(z.string(), z.object({ public_key: z.base64() })),
  }),
});
const batchSchema = z.object({
  data: z.object({
    batch_results: z.array(z.object({ signature: z.string().optional(), error: z.string().optional() })),
  }),
});

/** The id under which a keyring lists a version of a purpose's key. */
function transitKeyId(purpose: KeyPurpose, version: number): string {
  return `${purpose}/${String(version)}`;
}

/**
 * A signer whose key never leaves Vault's transit engine (Ed25519). It signs with the version that is newest in Vault when it
 * is made, whatever a keyring lists.
 */
export async function createTransitSigner(options: TransitSignerOptions): Promise<Signer> {
  const path = `${options.mount}/keys/${options.purpose}`;
  const { data } = parseAnswer(keySchema, await options.client.read(path), path);
  return transitSigner(options, data.latest_version);
}

/**
 * The keys that a process signs with, by purpose: of each the version that the keyring in force says by now. Read them anew
 * each time; what was read goes on with its version.
 */
export function createTransitSigners({
  client,
  mount,
  purposes,
  keyring,
  clock,
}: TransitSignersOptions): TransitSigners {
  const made = new Map<string, Signer>();
  const signers: TransitSigners = {};
  for (const purpose of purposes) {
    Object.defineProperty(signers, purpose, {
      enumerable: true,
      get: () => {
        const key = signingKeyOf(keyring(), purpose, clock());
        if (key === undefined) return undefined;
        const signer = made.get(key.keyid) ?? transitSigner({ client, mount, purpose }, versionOf(key));
        made.set(key.keyid, signer);
        return signer;
      },
    });
  }
  return signers;
}

export type TransitSigners = Partial<Record<KeyPurpose, Signer>>;

export interface TransitSignersOptions {
  client: VaultClient;
  /** Mount of the transit engine. */
  mount: string;
  purposes: readonly KeyPurpose[];
  keyring: () => Keyring;
  clock: () => number;
}

function transitSigner({ client, mount, purpose }: TransitSignerOptions, version: number): Signer {
  const path = `${mount}/sign/${purpose}`;
  return {
    keyid: transitKeyId(purpose, version),
    async sign(messages) {
      if (messages.length === 0) return [];
      const batch = messages.map((message) => ({ input: base64.encode(message) }));
      const { data: signed } = parseAnswer(
        batchSchema,
        await client.write(path, { batch_input: batch, key_version: version }),
        path,
      );
      if (signed.batch_results.length !== messages.length)
        throw new VaultFault(path, 200, ['the number of signatures differs from that of the messages']);
      return signed.batch_results.map((result) => {
        const [, signature] = new RegExp(`^vault:v${String(version)}:(.+)$`).exec(result.signature ?? '') ?? [];
        // Errors come per item under a status of 200.
        if (signature === undefined)
          throw new VaultFault(path, 200, [scrub(result.error ?? 'no signature of the expected key version')]);
        return base64.decode(signature);
      });
    },
  };
}

/** All versions of all purposes' public keys, as a keyring lists them. */
export async function readTransitKeys(client: VaultClient, mount: string): Promise<Keyring['keys']> {
  const perPurpose = KEY_PURPOSES.map(async (purpose) => {
    const { data } = parseAnswer(keySchema, await client.read(`${mount}/keys/${purpose}`), `${mount}/keys/${purpose}`);
    return Object.entries(data.keys)
      .map(([version, key]) => ({ keyid: transitKeyId(purpose, Number(version)), purpose, publicKey: key.public_key }))
      .sort((a, b) => Number(a.keyid.split('/')[1]) - Number(b.keyid.split('/')[1]));
  });
  return (await Promise.all(perPurpose)).flat();
}
