import type { Envelope } from '../core/dsse.js';
import { Refusal } from '../core/errors.js';
import { parseProof } from '../ledger/proof.js';
import type { Ledger } from '../ledger/ledger.js';
import type { KeptContents } from '../record/contents.js';
import { allOf, latest, type AnyRecorded } from '../record/record.js';
import { EVIDENCE_FORMAT, type Evidence, type PolicyFiles } from './format.js';
import { contentsNamedBy, policiesNamedBy } from './named.js';
import { decodePolicyFiles } from './policy-files.js';

/** Where the parts of a bundle come from. */
export interface EvidenceSources {
  ledger: Pick<Ledger, 'prove'>;
  contents: KeptContents;
  /** The newest keyring, as the root sealed it. */
  keyring: () => Envelope;
  /** The files of the policy in force. */
  policyFiles: () => Promise<PolicyFiles>;
}

/** Makes the gatherer of evidence: everything about one action that others need to check it without us. */
export function createEvidence(
  sources: EvidenceSources,
): (actionId: string, statements: readonly AnyRecorded[]) => Promise<Evidence> {
  return async (actionId, statements) => {
    const request = latest(statements, 'request');
    if (request === undefined) throw new Refusal('action_unknown', 'There is no such action.', 'actionId');
    const { checkpoint, entries } = await proveAll(statements, sources.ledger);
    return {
      format: EVIDENCE_FORMAT,
      actionId,
      keyring: sources.keyring(),
      checkpoint,
      entries,
      params: request.body.params,
      preview: latest(statements, 'preview')?.body.preview ?? null,
      policies: await gatherPolicies(statements, sources),
      contents: await gatherContents(statements, sources.contents),
    };
  };
}

// A busy ledger signs a checkpoint several times a second; proofs under two of them hold as well.
const ATTEMPTS = 5;

async function proveAll(
  statements: readonly AnyRecorded[],
  ledger: EvidenceSources['ledger'],
): Promise<Pick<Evidence, 'checkpoint' | 'entries'>> {
  for (let attempt = 1; ; attempt += 1) {
    const proofs = await Promise.all(statements.map(({ digest }) => ledger.prove(digest)));
    const checkpoints = new Map(proofs.flatMap((found) => (found === null ? [] : [sizedCheckpoint(found.proof)])));
    if (checkpoints.size > 1 && attempt < ATTEMPTS) continue;
    const [newest = null] = [...checkpoints].sort(([, one], [, other]) => other - one);
    const placed = statements.map(({ envelope }, at) => ({
      envelope,
      proof: proofs[at]?.proof ?? null,
      place: proofs[at]?.index ?? Infinity,
    }));
    placed.sort((one, other) => (one.place === other.place ? 0 : one.place - other.place));
    return {
      checkpoint: newest?.[0] ?? null,
      entries: placed.map(({ envelope, proof }) => ({ envelope, proof })),
    };
  }
}

function sizedCheckpoint(proof: string): [string, number] {
  const checkpoint = parseProof(proof)?.checkpoint ?? '';
  return [checkpoint, Number(checkpoint.split('\n')[1])];
}

/** Of each policy that a statement names: the archived files, or those in force. */
async function gatherPolicies(
  statements: readonly AnyRecorded[],
  { contents, policyFiles }: Pick<EvidenceSources, 'contents' | 'policyFiles'>,
): Promise<PolicyFiles[]> {
  const inForce = await policyFiles();
  const archived = new Map(
    allOf(statements, 'archive').flatMap(({ body }) => body.policies.map(({ digest, sha256 }) => [digest, sha256])),
  );
  const gathered: PolicyFiles[] = [];
  for (const digest of policiesNamedBy(statements)) {
    const sha256 = archived.get(digest);
    const kept = sha256 === undefined ? null : await getOrNull(contents, sha256);
    if (kept !== null) gathered.push(decodePolicyFiles(kept));
    else if (digest === inForce.digest) gathered.push(inForce);
  }
  return gathered;
}

async function gatherContents(
  statements: readonly AnyRecorded[],
  contents: KeptContents,
): Promise<Evidence['contents']> {
  const gathered: Evidence['contents'] = [];
  for (const { sha256 } of contentsNamedBy(statements)) {
    const bytes = await getOrNull(contents, sha256);
    if (bytes !== null) gathered.push({ sha256, base64: Buffer.from(bytes).toString('base64') });
  }
  return gathered;
}

/** What is no longer kept is left out, and the verifier says so. */
async function getOrNull(contents: KeptContents, sha256: string): Promise<Uint8Array | null> {
  try {
    return await contents.get(sha256);
  } catch (error) {
    if (error instanceof Refusal && (error.code === 'content_missing' || error.code === 'content_removed')) return null;
    throw error;
  }
}
