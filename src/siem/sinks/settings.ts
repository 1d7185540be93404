import { readFile } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { Secret } from '../../core/secret.js';
import { SinkFault } from '../sink.js';

/** What every sink's settings have. */
export const sinkName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be 1 to 63 lower-case letters, digits and hyphens, and begin with a letter');

/** A file that holds a secret or a certificate; read anew at each connection, so that it can be replaced. */
export const filePath = z.string().max(1_000).refine(isAbsolute, 'must be an absolute path');

/** @throws SinkFault naming the file, never its content. */
export async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new SinkFault(`${file} cannot be read (${code}).`);
  }
}

/** The same, where there is one. */
export async function readIfNamed(file: string | undefined): Promise<string | undefined> {
  return file === undefined ? undefined : readText(file);
}

/** A token: one line of visible ASCII. @throws SinkFault */
export async function readToken(file: string): Promise<Secret> {
  const text = (await readText(file)).trim();
  if (!/^[\x21-\x7e]{1,4096}$/.test(text)) throw new SinkFault(`${file} does not hold one token on one line.`);
  return new Secret(text);
}
