import { createPublicKey } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { base64 } from '@scure/base';
import type { CliContext } from './context.js';
import { UsageError } from './exit-codes.js';

/**
 * The offline root's raw public key, in base64: given itself, or as a file that holds it or its PEM form.
 * @throws UsageError when none is given, or it is none.
 */
export async function readRootKey({ environment }: CliContext, option: string | undefined): Promise<string> {
  const given = option ?? environment.COUNTERSIGN_ROOT_KEY;
  if (given === undefined)
    throw new UsageError('Give the root key by --root, or set COUNTERSIGN_ROOT_KEY: without it nothing is proven.');
  const text = existsSync(given) ? (await readFile(given, 'utf8')).trim() : given;
  const key = text.startsWith('-----BEGIN PUBLIC KEY-----') ? rawOfPem(text) : text;
  if (key === null || !isRawKey(key))
    throw new UsageError(
      '--root: not an Ed25519 public key. Give its 32 raw bytes in base64, or a file with them or a PEM.',
    );
  return key;
}

function rawOfPem(pem: string): string | null {
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === 'ed25519'
      ? Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url').toString('base64')
      : null;
  } catch {
    return null;
  }
}

function isRawKey(text: string): boolean {
  try {
    return base64.decode(text).length === 32;
  } catch {
    return false;
  }
}
