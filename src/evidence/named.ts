import { allOf, type AnyRecorded } from '../record/record.js';

/** Something that a statement names by the digest of its bytes. */
export interface NamedContent {
  sha256: string;
  what: 'history' | 'log' | 'file';
  /** Whether it was kept for as long as evidence is; the others have a retention time. */
  isKept: boolean;
}

const DIGEST = /^[0-9a-f]{64}$/;

/**
 * What the processes' own statements say is in the content store. Never what an agent wrote: it could name another's log
 * by its digest, and would be handed it.
 */
export function contentsNamedBy(recorded: readonly AnyRecorded[]): NamedContent[] {
  const named: NamedContent[] = [];
  for (const { body } of allOf(recorded, 'archive')) {
    for (const { sha256, kept } of body.histories) if (kept) named.push({ sha256, what: 'history', isKept: true });
  }
  for (const { body } of allOf(recorded, 'attachment'))
    named.push({ sha256: body.storedSha256, what: 'log', isKept: false });
  for (const { body } of allOf(recorded, 'preview')) {
    // An operation names the files that it kept in its estimate.
    for (const [field, value] of Object.entries(body.preview.estimate))
      if (field.endsWith('Sha256') && typeof value === 'string' && DIGEST.test(value))
        named.push({ sha256: value, what: 'file', isKept: false });
  }
  return [...new Map(named.map((content) => [content.sha256, content])).values()];
}

/** Digests of the policy bundles that statements name, in the order in which they do. */
export function policiesNamedBy(recorded: readonly AnyRecorded[]): string[] {
  const planned = allOf(recorded, 'plan').map(({ body }) => body.policy.digest);
  const archived = allOf(recorded, 'archive').flatMap(({ body }) => body.policies.map(({ digest }) => digest));
  return [...new Set([...planned, ...archived])];
}
