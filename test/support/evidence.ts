import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { payloadDigest, seal, type Envelope } from '../../src/core/dsse.js';
import { digestOf, sha256Hex } from '../../src/core/json.js';
import { KEY_PURPOSES, SIGNERS_OF, sealKeyring, type Keyring, type KeyPurpose } from '../../src/core/keyring.js';
import type { ProcessName, StatementBody } from '../../src/core/schemas/statements.js';
import { buildStatement } from '../../src/core/statement.js';
import { EVIDENCE_FORMAT, type Evidence, type PolicyFiles } from '../../src/evidence/format.js';
import { encodePolicyFiles, loadPolicyFiles, policyFilesOf } from '../../src/evidence/policy-files.js';
import { formatCheckpoint } from '../../src/ledger/checkpoint.js';
import { entryOf } from '../../src/ledger/entry.js';
import { inclusionProof, leafHash, rootOf } from '../../src/ledger/merkle.js';
import { signNote } from '../../src/ledger/note.js';
import { formatProof } from '../../src/ledger/proof.js';
import { readBundleFiles } from '../../src/policy/bundle-files.js';
import { writeBundle } from '../../src/policy/write-bundle.js';
import { honestFacts, statementsOf, type AnyBody, type Facts } from '../unit/enforcement/evidence.js';
import { EXAMPLE } from '../unit/policy/bundle-folders.js';
import { makeKey, type TestKey } from './signing.js';

export const ORIGIN = 'ledger.example.com/countersign';

/** An installation's keys and policy, for statements that a verifier really accepts. */
export interface SigningYard {
  root: TestKey;
  agent: TestKey;
  keys: Record<KeyPurpose, TestKey>;
  keyring: Keyring;
  sealedKeyring: Envelope;
  policyFiles: PolicyFiles;
}

/** @param policies folder of the bundle */
export async function openYard(policies = EXAMPLE): Promise<SigningYard> {
  const root = makeKey('root');
  const agent = makeKey('agent/export-bot');
  const keys = Object.fromEntries(KEY_PURPOSES.map((purpose) => [purpose, makeKey(`${purpose}/1`)])) as Record<
    KeyPurpose,
    TestKey
  >;
  const listed = KEY_PURPOSES.map((purpose) => ({ ...keys[purpose].publicKey, purpose }));
  const keyring = { number: 1, keys: listed };
  return {
    root,
    agent,
    keys,
    keyring,
    sealedKeyring: await sealKeyring(keyring, root.signer),
    policyFiles: await bundleOf(policies, agent.publicKey.publicKey),
  };
}

async function bundleOf(policies: string, agentKey: string): Promise<PolicyFiles> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-evidence-'));
  try {
    await writeBundle(policies, folder, { agentKeys: { 'export-bot': agentKey } });
    return policyFilesOf(await readBundleFiles(folder));
  } finally {
    await rm(folder, { recursive: true });
  }
}

const PROCESS_OF: Partial<Record<KeyPurpose, ProcessName>> = {
  decision: 'gateway',
  intake: 'gateway',
  worker: 'worker',
  executor: 'executor',
  receipt: 'notary',
};

/** Seals a statement by the key that may say so; `change` has another one sign. */
export async function sealAs(
  yard: SigningYard,
  { kind, body }: AnyBody,
  { actionId, requestDigest }: { actionId: string; requestDigest: string },
  signer?: TestKey,
): Promise<Envelope> {
  const [purpose = 'agent'] = SIGNERS_OF[kind];
  const key = signer ?? (purpose === 'agent' ? yard.agent : yard.keys[purpose]);
  const process = purpose === 'agent' ? null : (PROCESS_OF[purpose] ?? 'worker');
  const chain = process === null ? null : { process, number: 1, previous: sha256Hex('') };
  const statement = buildStatement(kind, { actionId, requestDigest, body, chain });
  const [envelope] = await seal([statement], key.signer);
  if (envelope === undefined) throw new Error('sealAs: nothing was sealed');
  return envelope;
}

/** Puts envelopes into a ledger behind others of other actions, and signs its checkpoint. */
export async function proveAll(
  yard: SigningYard,
  envelopes: readonly Envelope[],
  by: LedgerOptions = {},
): Promise<Pick<Evidence, 'checkpoint' | 'entries'>> {
  const { checkpoint, entries } = await ledgerOver(yard.keys.checkpoint, envelopes, by);
  return { checkpoint, entries };
}

export interface LedgerOptions {
  origin?: string;
  signer?: TestKey;
  /** Whose statements those before are: of another name, the ledger is another. */
  others?: string;
}

/** The same with the hashes of all entries. @param listed the key whose name the note has. */
export async function ledgerOver(
  listed: TestKey,
  envelopes: readonly Envelope[],
  { origin = ORIGIN, signer = listed, others = 'another statement' }: LedgerOptions = {},
) {
  const before = [1, 2, 3].map((number) => leafHash(new TextEncoder().encode(`${others} ${String(number)}`)));
  const leaves = [...before, ...envelopes.map((envelope) => leafHash(entryOf(envelope)))];
  const text = formatCheckpoint({ origin, size: leaves.length, root: rootOf(leaves) });
  const key = { name: origin, publicKey: listed.publicKey.publicKey };
  const checkpoint = await signNote(text, key, signer.signer);
  return {
    leaves,
    checkpoint,
    entries: envelopes.map((envelope, at) => {
      const index = before.length + at;
      return { envelope, proof: formatProof({ index, hashes: inclusionProof(leaves, index), checkpoint }) };
    }),
  };
}

/** What happened after the approval of the honest facts: it ran, and its lease was ended. */
function executed(facts: Facts, brokenBy: readonly string[]): AnyBody[] {
  const [{ plan, decisions }] = facts.rounds;
  const approvers = decisions.map(({ approver }) => approver.person).sort();
  const dueAtMs = facts.nowMs + (plan.plan.breakGlass?.reviewWithinMs ?? 0);
  const glass = brokenBy.length === 0 ? {} : { breakGlass: { by: [...brokenBy], dueAtMs } };
  const { actionDigest } = plan;
  const at = facts.nowMs;
  const run = { actionDigest, step: 'execute', attempt: 1 };
  return [
    { kind: 'claim', body: { ...run, runId: facts.runId, approvers, ...glass, claimedAtMs: at } },
    {
      kind: 'lease',
      body: {
        purpose: 'execute',
        accessor: 'accessor-1',
        tokenRole: 'orders-execute',
        ttlSeconds: 300,
        runId: facts.runId,
        leasedAtMs: at + 1,
      },
    },
    { kind: 'effect', body: { ...run, startedAtMs: at + 2 } },
    {
      kind: 'result',
      body: {
        step: 'execute',
        outcome: { status: 'succeeded', code: 'succeeded', message: 'Exported 99 rows.' },
        findings: [],
        finishedAtMs: at + 3,
      },
    },
    {
      kind: 'revocation',
      body: { accessor: 'accessor-1', proofs: [{ asked: 'vault', answer: 'unknown here' }], revokedAtMs: at + 4 },
    },
  ];
}

export interface MadeEvidence {
  yard: SigningYard;
  facts: Facts;
  evidence: Evidence;
}

/** What somebody found of a broken glass. */
interface GlassReview {
  person: string;
  groups: string[];
  verdict: 'justified' | 'unjustified';
}

/**
 * All about an export that ben approved, as the gateway would hand it out.
 * @param change what an attacker who holds keys makes of the facts before they are signed.
 * @param glass who broke it, as the executor claims, and what was said of that since the end
 */
export async function makeEvidence(
  yard: SigningYard,
  change?: (facts: Facts) => void,
  glass: { by: readonly string[]; found: readonly GlassReview[] } = { by: [], found: [] },
): Promise<MadeEvidence> {
  const facts = honestFacts(loadPolicyFiles(yard.policyFiles));
  change?.(facts);
  const requestDigest = digestOf(facts.request);
  const about = { actionId: facts.actionId, requestDigest };
  const envelopes: Envelope[] = [];
  let claim = '';
  for (const { kind, body } of statementsOf(facts, executed(facts, glass.by)) as AnyBody[]) {
    const envelope = await sealAs(yard, { kind, body } as AnyBody, about);
    envelopes.push(envelope);
    if (kind === 'claim') claim = payloadDigest(envelope);
  }
  const outcome = { status: 'succeeded' as const, code: 'succeeded', message: 'Exported 99 rows.' };
  const receipt: StatementBody<'receipt'> = {
    actionDigest: facts.rounds[0].plan.actionDigest,
    outcome,
    lease: 'revoked',
    approvers: ['ben'],
    statements: envelopes.map(payloadDigest),
    closing: false,
    concludedAtMs: facts.nowMs + 5,
  };
  envelopes.push(await sealAs(yard, { kind: 'receipt', body: receipt }, about));
  const history = historyWith(envelopes.filter(isDecision));
  const archive: StatementBody<'archive'> = {
    histories: [{ runId: facts.runId, sha256: sha256Hex(history), bytes: history.length, events: 2, kept: true }],
    policies: [{ digest: yard.policyFiles.digest, sha256: sha256Hex(encodePolicyFiles(yard.policyFiles)) }],
    archivedAtMs: facts.nowMs + 6,
  };
  envelopes.push(await sealAs(yard, { kind: 'archive', body: archive }, about));
  for (const { person, groups, verdict } of glass.found) {
    const said = { claim, verdict, reason: `It was ${verdict}.`, by: { person, groups } };
    const via = { channel: 'api', subject: person };
    envelopes.push(
      await sealAs(yard, { kind: 'retrospective', body: { ...said, via, reviewedAtMs: facts.nowMs + 7 } }, about),
    );
  }
  const evidence: Evidence = {
    format: EVIDENCE_FORMAT,
    actionId: facts.actionId,
    keyring: yard.sealedKeyring,
    ...(await proveAll(yard, envelopes)),
    params: facts.request.params,
    preview: facts.rounds[0].preview.preview,
    policies: [yard.policyFiles],
    contents: [{ sha256: sha256Hex(history), base64: Buffer.from(history).toString('base64') }],
  };
  return { yard, facts, evidence };
}

/** The least that there can be: a request that was refused before any policy was asked. */
export async function makeSmallEvidence(yard: SigningYard): Promise<Evidence> {
  const { request, actionId, nowMs } = honestFacts(loadPolicyFiles(yard.policyFiles));
  const about = { actionId, requestDigest: digestOf(request) };
  const body = { code: 'policy_forbids', field: null, message: 'No.', who: null, sentDigest: null };
  const envelopes = [
    await sealAs(yard, { kind: 'request', body: request }, about),
    await sealAs(yard, { kind: 'refusal', body }, about, yard.keys.worker),
  ];
  const outcome = { status: 'refused' as const, code: 'policy_forbids', message: 'No.' };
  const receipt: StatementBody<'receipt'> = {
    actionDigest: null,
    outcome,
    lease: 'none',
    approvers: [],
    statements: envelopes.map(payloadDigest),
    closing: false,
    concludedAtMs: nowMs,
  };
  envelopes.push(await sealAs(yard, { kind: 'receipt', body: receipt }, about));
  return {
    format: EVIDENCE_FORMAT,
    actionId,
    keyring: yard.sealedKeyring,
    ...(await proveAll(yard, envelopes)),
    params: request.params,
    preview: null,
    policies: [],
    contents: [],
  };
}

/** A history, as far as the verifier reads one, in which these envelopes were accepted. */
export function historyWith(accepted: readonly Envelope[]): Uint8Array {
  const events = accepted.map((envelope, at) => ({
    eventId: String(at + 1),
    workflowExecutionUpdateAcceptedEventAttributes: {
      acceptedRequest: {
        input: {
          name: 'decide',
          args: { payloads: [{ data: Buffer.from(JSON.stringify(envelope)).toString('base64') }] },
        },
      },
    },
  }));
  return new TextEncoder().encode(JSON.stringify({ events }));
}

function isDecision({ payload }: Envelope): boolean {
  return Buffer.from(payload, 'base64').toString().includes('https://countersign.dev/decision/v1');
}
