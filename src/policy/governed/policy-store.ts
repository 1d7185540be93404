import { z } from 'zod';
import { actionIdSchema, digestSchema } from '../../core/schemas/primitives.js';
import type { VaultAnswer } from '../../vault/client.js';
import { VaultFault } from '../../vault/vault-fault.js';

/** Where policy bundles lie in Vault: a KV engine of version 2. */
export interface StorePlace {
  /** Its mount, e.g. `countersign-policy`. */
  mount: string;
}

export interface StoreReader {
  read(path: string): Promise<VaultAnswer>;
}

export interface StoreWriter extends StoreReader {
  write(path: string, body: object): Promise<VaultAnswer>;
}

const pointerSchema = z.strictObject({
  number: z.int().positive(),
  digest: digestSchema,
  /** The action that put it there. */
  change: actionIdSchema,
});
/** Which bundle is said to be in force. */
export type Pointer = z.infer<typeof pointerSchema>;

const storedBundleSchema = pointerSchema.extend({
  /** As `packBundle` writes it. */
  document: z.string(),
});
/** A bundle, and the action that is said to have put it there: nothing in it counts before it is proven. */
export type StoredBundle = z.infer<typeof storedBundleSchema>;

/** What lies at a place. */
export type Kept<T> = { version: number } & (
  { state: 'there'; value: T } | { state: 'absent'; value: null } | { state: 'malformed'; value: null }
);

/** @throws VaultFault when Vault does not say. */
export function readPointer(vault: StoreReader, { mount }: StorePlace): Promise<Kept<Pointer>> {
  return readKept(vault, mount, 'current', pointerSchema);
}

/** @throws VaultFault when Vault does not say. */
export function readStoredBundle(
  vault: StoreReader,
  { mount }: StorePlace,
  number: number,
): Promise<Kept<StoredBundle>> {
  return readKept(vault, mount, bundlePath(number), storedBundleSchema);
}

/** Writes if nothing was written there since. @throws VaultFault 400 when something was. */
export async function writePointer(
  vault: StoreWriter,
  { mount }: StorePlace,
  pointer: Pointer,
  version: number,
): Promise<void> {
  await vault.write(`${mount}/data/current`, { options: { cas: version }, data: pointer });
}

/** The same of a bundle. */
export async function writeStoredBundle(
  vault: StoreWriter,
  { mount }: StorePlace,
  bundle: StoredBundle,
  version: number,
): Promise<void> {
  await vault.write(`${mount}/data/${bundlePath(bundle.number)}`, { options: { cas: version }, data: bundle });
}

function bundlePath(number: number): string {
  return `bundles/${String(number)}`;
}

const dataSchema = z.object({
  data: z.object({ data: z.unknown(), metadata: z.object({ version: z.int().nonnegative() }) }),
});
const metadataSchema = z.object({ data: z.object({ current_version: z.int().nonnegative() }) });

async function readKept<T>(vault: StoreReader, mount: string, path: string, schema: z.ZodType<T>): Promise<Kept<T>> {
  const answer = await orNothing(vault.read(`${mount}/data/${path}`));
  if (answer === null) return { state: 'absent', version: await versionOf(vault, mount, path), value: null };
  const read = dataSchema.safeParse(answer);
  if (!read.success) return { state: 'malformed', version: await versionOf(vault, mount, path), value: null };
  const { data, metadata } = read.data.data;
  const value = schema.safeParse(data);
  if (!value.success) return { state: 'malformed', version: metadata.version, value: null };
  return { state: 'there', version: metadata.version, value: value.data };
}

/** What a compare-and-set must name: after a deletion it is that of what was deleted. */
async function versionOf(vault: StoreReader, mount: string, path: string): Promise<number> {
  const answer = await orNothing(vault.read(`${mount}/metadata/${path}`));
  return answer === null ? 0 : metadataSchema.parse(answer).data.current_version;
}

async function orNothing(asking: Promise<VaultAnswer>): Promise<VaultAnswer | null> {
  try {
    return await asking;
  } catch (error) {
    if (error instanceof VaultFault && error.status === 404) return null;
    throw error;
  }
}
