import { z } from 'zod';
import { Refusal } from '../../core/errors.js';
import { canonicalJson } from '../../core/json.js';
import { digestSchema } from '../../core/schemas/primitives.js';
import type { SigningAgent } from '../../directory/agent-signers.js';
import { readYaml } from '../../directory/yaml-source.js';
import { BUNDLE_DOCUMENT_BYTES } from '../../record/postgres/governed-policy-table.js';
import { bundleFilesOf, bundleInvalid, type BundleFiles } from '../bundle-files.js';
import { checkBundleFiles } from '../load-bundle.js';
import type { Policy } from '../policy.js';

/** A bundle that loads, with what it was loaded from. */
export interface LoadedBundle {
  policy: Policy;
  files: BundleFiles['files'];
  /** Digest of the bundle before it; null for the first. */
  previous: string | null;
}

/**
 * A bundle in one piece: the canonical JSON of its texts by file name. One bundle has one document.
 * @throws Refusal `content_too_large`
 */
export function packBundle(files: BundleFiles['files']): string {
  const document = canonicalJson(textsOf(files));
  if (Buffer.byteLength(document) > BUNDLE_DOCUMENT_BYTES) {
    const message = `The bundle is larger than ${String(BUNDLE_DOCUMENT_BYTES)} bytes, which is all that Vault keeps in one piece.`;
    throw new Refusal('content_too_large', message);
  }
  return document;
}

/** Texts by file name. */
export function textsOf(files: BundleFiles['files']): Record<string, string> {
  return Object.fromEntries([...files].map(([name, { text }]) => [name, text]));
}

/**
 * The files of a document. Nothing is said of whether they load.
 * @throws Refusal `bundle_invalid` when it is none, or not as `packBundle` writes it.
 */
export function unpackBundle(document: string): BundleFiles {
  const invalid = (why: string): Refusal => new Refusal('bundle_invalid', `This is no packed bundle: ${why}.`);
  if (Buffer.byteLength(document) > BUNDLE_DOCUMENT_BYTES) throw invalid('it is too large');
  const texts = parse(document);
  if (typeof texts !== 'object' || texts === null || Array.isArray(texts)) throw invalid('it is no JSON object');
  if (!Object.values(texts).every((text) => typeof text === 'string'))
    throw invalid('it holds other things than texts');
  // One spelling only: what is hashed and kept is what was read.
  if (canonicalOf(texts) !== document) throw invalid('it is not in canonical form');
  return bundleFilesOf(texts as Record<string, string>);
}

/**
 * The policy of a bundle's files.
 * @throws Refusal `bundle_invalid` listing every problem by file and line.
 */
export function loadFiles(read: BundleFiles, name: string): LoadedBundle {
  const { policy, problems } = checkBundleFiles(read);
  if (policy === null) throw bundleInvalid(name, problems);
  return { policy, files: read.files, previous: previousIn(read.files) };
}

/** Digest of the bundle before one that loads; null for the first. */
export function previousIn(files: BundleFiles['files']): string | null {
  const source = files.get('bundle.yaml');
  if (source === undefined) return null;
  return readYaml(source, z.object({ previous: digestSchema.nullable() }).loose()).value?.previous ?? null;
}

const signingAgentsSchema = z.object({
  agents: z.array(z.object({ id: z.string(), publicKey: z.string().optional(), jwt: z.unknown().optional() })),
});

/** The agents of a bundle that was in force once, even if this release does not load it; null when it lists none. */
export function signingAgentsIn(files: BundleFiles['files']): SigningAgent[] | null {
  const source = files.get('directory.yaml');
  return source === undefined ? null : (readYaml(source, signingAgentsSchema).value?.agents ?? null);
}

function parse(document: string): unknown {
  try {
    return JSON.parse(document);
  } catch {
    return null;
  }
}

function canonicalOf(value: unknown): string | null {
  try {
    return canonicalJson(value);
  } catch {
    return null;
  }
}
