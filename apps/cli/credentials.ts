import { chmod, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import { z } from 'zod';
import { Secret } from '../../src/core/secret.js';
import { UsageError } from './exit-codes.js';

const signInSchema = z.strictObject({
  accessToken: z.string().min(1),
  expiresAtMs: z.int(),
  issuer: z.string(),
});
const fileSchema = z.strictObject({ version: z.literal(1), gateways: z.record(z.string(), signInSchema) });
type CredentialsFile = z.infer<typeof fileSchema>;

/** A person's sign-in at one gateway. */
export interface SignIn {
  accessToken: Secret;
  expiresAtMs: number;
  issuer: string;
}

/** Sign-ins by gateway, in a file that only this user can read. */
export interface CredentialStore {
  find(gateway: string): Promise<SignIn | null>;
  save(gateway: string, signIn: SignIn): Promise<void>;
  /** @returns whether there was one. */
  remove(gateway: string): Promise<boolean>;
}

export function createCredentialStore(path: string): CredentialStore {
  return {
    find: async (gateway) => {
      const kept = (await read(path)).gateways[gateway];
      if (kept === undefined) return null;
      return { ...kept, accessToken: new Secret(kept.accessToken) };
    },
    save: async (gateway, { accessToken, expiresAtMs, issuer }) => {
      const file = await read(path);
      const kept = { accessToken: accessToken.reveal(), expiresAtMs, issuer };
      await write(path, { version: 1, gateways: { ...file.gateways, [gateway]: kept } });
    },
    remove: async (gateway) => {
      const file = await read(path);
      const others = Object.entries(file.gateways).filter(([name]) => name !== gateway);
      if (others.length === Object.keys(file.gateways).length) return false;
      await write(path, { version: 1, gateways: Object.fromEntries(others) });
      return true;
    },
  };
}

async function read(path: string): Promise<CredentialsFile> {
  const text = await readPrivate(path);
  if (text === null) return { version: 1, gateways: {} };
  const parsed = fileSchema.safeParse(parseJson(text));
  if (!parsed.success) throw new UsageError(`${path} is not a file of this program: remove it and sign in again.`);
  return parsed.data;
}

async function readPrivate(path: string): Promise<string | null> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) {
      throw new UsageError(
        `${path} can be read by others: run "chmod 600 ${path}", and sign in again if it was shared.`,
      );
    }
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

async function write(path: string, file: CredentialsFile): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // Another run must see the old file or the new one, never half of it.
  const next = `${path}.${randomUUID()}`;
  await writeFile(next, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  await chmod(next, 0o600);
  await rename(next, path);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
