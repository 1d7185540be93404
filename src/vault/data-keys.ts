import { z } from 'zod';
import type { DataKeys } from '../record/contents.js';
import { parseAnswer } from './answers.js';
import type { VaultClient } from './client.js';
import { VaultFault } from './vault-fault.js';

/** Name of the transit key (AES-256-GCM) that wraps the keys of the content store. */
export const CONTENT_KEY = 'content';

/** Name of the transit key (AES-256-GCM) that wraps the keys of Temporal's payloads. */
export const PAYLOAD_KEY = 'payloads';

export type WrappingKey = typeof CONTENT_KEY | typeof PAYLOAD_KEY;

const KEY_BYTES = 32;

const plaintextSchema = z.base64().transform((text) => new Uint8Array(Buffer.from(text, 'base64')));
const madeSchema = z.object({ data: z.object({ plaintext: plaintextSchema, ciphertext: z.string().max(300) }) });
const unwrappedSchema = z.object({ data: z.object({ plaintext: plaintextSchema }) });

const keySchema = z.object({
  data: z.object({ type: z.literal('aes256-gcm96'), latest_version: z.int().positive() }),
});

/** The newest version of a wrapping key. @throws VaultFault when it is missing, of another type, or may not be read. */
export async function readWrappingKeyVersion(client: VaultClient, mount: string, name: WrappingKey): Promise<number> {
  const path = `${mount}/keys/${name}`;
  return parseAnswer(keySchema, await client.read(path), path).data.latest_version;
}

export interface DataKeysOptions {
  client: VaultClient;
  /** Mount of the transit engine. */
  mount: string;
  /** Which key wraps. Default: the content store's. */
  name?: WrappingKey;
}

/** Data keys wrapped by Vault's transit engine; the wrapping key never leaves it. */
export function createDataKeys({ client, mount, name = CONTENT_KEY }: DataKeysOptions): DataKeys {
  const makePath = `${mount}/datakey/plaintext/${name}`;
  const unwrapPath = `${mount}/decrypt/${name}`;
  return {
    async make() {
      const { data } = parseAnswer(madeSchema, await client.write(makePath, { bits: KEY_BYTES * 8 }), makePath);
      if (data.plaintext.length !== KEY_BYTES) throw new VaultFault(makePath, 200, ['the key is of another length']);
      return { key: data.plaintext, wrapped: data.ciphertext };
    },
    async unwrap(wrapped) {
      try {
        const { data } = parseAnswer(
          unwrappedSchema,
          await client.write(unwrapPath, { ciphertext: wrapped }),
          unwrapPath,
        );
        return data.plaintext.length === KEY_BYTES ? data.plaintext : null;
      } catch (error) {
        // What it did not wrap itself, Vault calls a bad request.
        if (error instanceof VaultFault && error.status === 400) return null;
        throw error;
      }
    },
  };
}
