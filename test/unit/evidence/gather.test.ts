import { beforeAll, describe, expect, it } from 'vitest';
import { payloadDigest, type Envelope } from '../../../src/core/dsse.js';
import { Refusal } from '../../../src/core/errors.js';
import { encodeEvidence, type Evidence } from '../../../src/evidence/format.js';
import { createEvidence } from '../../../src/evidence/gather.js';
import { encodePolicyFiles } from '../../../src/evidence/policy-files.js';
import { createEvidenceVerifier } from '../../../src/evidence/verify-bundle.js';
import { verifyEach } from '../../../src/evidence/verify-statements.js';
import type { Ledger } from '../../../src/ledger/ledger.js';
import { parseProof } from '../../../src/ledger/proof.js';
import { operations } from '../../../src/operations/catalog.gen.js';
import type { AnyRecorded } from '../../../src/record/record.js';
import { renameAll } from '../enforcement/evidence.js';
import { makeEvidence, openYard, proveAll, type SigningYard } from '../../support/evidence.js';

/** The digest of another agent's log, which this agent learned of. */
const OTHERS_LOG = 'a'.repeat(64);

let yard: SigningYard;
let honest: Evidence;
let recorded: AnyRecorded[];

beforeAll(async () => {
  yard = await openYard();
  honest = (
    await makeEvidence(yard, (facts) => {
      facts.request.reason = `See ${OTHERS_LOG}`;
      renameAll(facts);
    })
  ).evidence;
  const verifying = { actionId: honest.actionId, keyring: yard.keyring, agentKeys: () => [yard.agent.publicKey] };
  ({ recorded } = verifyEach(envelopesOf(honest), verifying));
  expect(recorded).toHaveLength(11);
}, 60_000);

const envelopesOf = ({ entries }: Evidence): Envelope[] => entries.map(({ envelope }) => envelope);

/** What is kept, and what of it was asked for. */
function store(kept: ReadonlyMap<string, Uint8Array>) {
  const asked: string[] = [];
  return {
    asked,
    isUploadedBy: async () => true,
    async get(sha256: string): Promise<Uint8Array> {
      asked.push(sha256);
      const bytes = kept.get(sha256);
      if (bytes === undefined) throw new Refusal('content_missing', 'Nothing is kept.');
      return bytes;
    },
  };
}

function allKept(): Map<string, Uint8Array> {
  const archive = recorded.find(({ kind }) => kind === 'archive')?.body as { policies: { sha256: string }[] };
  const policy = archive.policies[0]?.sha256 ?? '';
  const contents = honest.contents.map(({ sha256, base64 }): [string, Uint8Array] => [
    sha256,
    new Uint8Array(Buffer.from(base64, 'base64')),
  ]);
  return new Map([...contents, [policy, encodePolicyFiles(yard.policyFiles)], [OTHERS_LOG, new Uint8Array([1])]]);
}

/** A ledger that answers with these proofs. */
function ledgerOf(all: readonly Pick<Evidence, 'entries'>[]): Pick<Ledger, 'prove'> {
  const proofs = new Map(
    all.flatMap(({ entries }) => entries.map(({ envelope, proof }) => [payloadDigest(envelope), proof])),
  );
  return {
    prove: async (digest) => {
      const proof = proofs.get(digest) ?? null;
      return proof === null ? null : { index: parseProof(proof)?.index ?? -1, proof };
    },
  };
}

async function gather(ledger: Pick<Ledger, 'prove'>, contents = store(allKept())): Promise<Evidence> {
  const evidence = createEvidence({
    ledger,
    contents,
    keyring: () => yard.sealedKeyring,
    // Another one is in force by now.
    policyFiles: async () => ({ digest: 'f'.repeat(64), files: [] }),
  });
  return evidence(honest.actionId, recorded);
}

const verify = async (evidence: Evidence) => {
  const check = createEvidenceVerifier({ root: yard.root.publicKey.publicKey, operations });
  const { verdict } = await check(encodeEvidence(evidence));
  return { ...verdict, faults: verdict.checks.flatMap(({ ok, what }) => (ok ? [] : [what])) };
};

describe('gathering evidence', () => {
  it('takes the policy from the archive, though another is in force', async () => {
    const gathered = await gather(ledgerOf([honest]));
    expect(gathered.policies).toEqual([yard.policyFiles]);
    expect(gathered.entries).toEqual(honest.entries);
  });

  it('never hands out what the agent merely names by its digest', async () => {
    const contents = store(allKept());
    const gathered = await gather(ledgerOf([honest]), contents);
    expect(contents.asked).not.toContain(OTHERS_LOG);
    expect(gathered.contents.map(({ sha256 }) => sha256)).toEqual(honest.contents.map(({ sha256 }) => sha256));
  });

  it('while the ledger grows holds all the same: each proof has its own checkpoint, the newest is the bundle’s', async () => {
    const before = await proveAll(yard, envelopesOf(honest).slice(0, 5));
    const after = await proveAll(yard, envelopesOf(honest));
    const gathered = await gather(ledgerOf([after, before]));
    expect(gathered.checkpoint).toBe(after.checkpoint);
    expect(new Set(gathered.entries.map(({ proof }) => parseProof(proof ?? '')?.checkpoint)).size).toBe(2);
    const { faults } = await verify(gathered);
    expect(faults).toEqual([]);
  });

  it('puts what is not in the ledger yet last, and the verifier says so', async () => {
    const gathered = await gather(ledgerOf([await proveAll(yard, envelopesOf(honest).slice(0, 9))]));
    expect(gathered.entries.map(({ proof }) => proof === null)).toEqual([...Array<boolean>(9).fill(false), true, true]);
    const { notProven } = await verify(gathered);
    expect(notProven.join('\n')).toContain('That 2 of the statements stand in the ledger');
  });

  it('leaves out a history that is gone, which the verifier does not let pass', async () => {
    const kept = allKept();
    kept.delete(honest.contents[0]?.sha256 ?? '');
    const { faults } = await verify(await gather(ledgerOf([honest]), store(kept)));
    expect(faults.join('\n')).toContain('is not here');
  });
});
