import { Refusal } from '../core/errors.js';
import { openKeyring, type Keyring } from '../core/keyring.js';
import type { OperationCatalog } from '../operations/operation.js';
import { createNativeVerifier } from '../record/native-ed25519.js';
import type { AnyRecorded } from '../record/record.js';
import {
  agentsOf,
  checkContents,
  checkPolicies,
  checkShown,
  createPolicyLoader,
  type LoadPolicies,
} from './bundle-parts.js';
import { decodeEvidence, type Evidence } from './format.js';
import { judgeAgain } from './judge-again.js';
import { notProvenBy } from './not-proven.js';
import { verifyHistories } from './verify-histories.js';
import { checkOrigin, verifyLedgerProofs, whichLedger } from './verify-ledger-proofs.js';
import { judgeStatements, verifyEach, type StatementCheck } from './verify-statements.js';

/** What a person or program is told of a bundle. */
export interface EvidenceVerdict {
  /** Null when the bundle cannot even be read. */
  actionId: string | null;
  /** Whether all of it holds. */
  ok: boolean;
  /** What was checked: a sentence each, true when `ok`. */
  checks: StatementCheck[];
  /** What nobody can tell from this bundle, a sentence each. */
  notProven: string[];
}

export interface EvidenceTrust {
  /** base64 of the offline root's raw public key: the one thing that must be known beforehand. */
  root: string;
  operations: OperationCatalog;
  /** Of an agent that none of the bundle's policies lists, e.g. when it was refused before any was asked. */
  agentPublicKey?: string;
  /** Least number that the bundle's keyring must have: in an older one, a key that was given up still counts. Default: 1. */
  leastKeyringNumber?: number;
  /** The name of the ledger that the statements must be in; absent: any that a checkpoint key of the keyring signed. */
  origin?: string;
}

/** The statements of a bundle that holds, for who shows them. */
export interface Opened {
  evidence: Evidence;
  recorded: AnyRecorded[];
}

/**
 * Makes the checker of bundles, each by itself: no network, no database, no clock. It never throws for what a bundle holds,
 * and answers with the verdict and what was read, as far as it could be. Policies that it has loaded it remembers.
 */
export function createEvidenceVerifier(
  trust: EvidenceTrust,
): (bytes: Uint8Array) => Promise<{ verdict: EvidenceVerdict; opened: Opened | null }> {
  const load = createPolicyLoader();
  return async (bytes) => {
    try {
      const evidence = decodeEvidence(bytes);
      return await verifyDecoded(evidence, openRooted(evidence, trust), { ...trust, load });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const checks = [{ ok: false, what: error.message }];
      return { verdict: { actionId: null, ok: false, checks, notProven: [] }, opened: null };
    }
  };
}

/** Under which name the root signed is no secret and no choice: another name would be a byte that nothing covers. */
function openRooted({ keyring }: Evidence, { root, leastKeyringNumber = 1 }: EvidenceTrust): Keyring {
  const opened = openKeyring(keyring, { keyid: 'root', publicKey: root }, createNativeVerifier());
  if (opened.number >= leastKeyringNumber) return opened;
  const message = `The bundle's keyring has number ${String(opened.number)}; at least ${String(leastKeyringNumber)} was asked for.`;
  throw new Refusal('statement_invalid', message);
}

async function verifyDecoded(
  evidence: Evidence,
  keyring: Keyring,
  trust: EvidenceTrust & { load: LoadPolicies },
): Promise<{ verdict: EvidenceVerdict; opened: Opened }> {
  const envelopes = evidence.entries.map(({ envelope }) => envelope);
  const loaded = trust.load(evidence);
  const { policies } = loaded;
  const verifying = { actionId: evidence.actionId, keyring, ...agentsOf(policies, trust.agentPublicKey) };
  const found = verifyEach(envelopes, verifying);
  const { recorded } = found;
  const proofs = verifyLedgerProofs(evidence, keyring);
  const judged = await judgeAgain({ recorded, policies, operations: trust.operations });
  const checks = [
    { ok: true, what: `The keyring (number ${String(keyring.number)}) is signed by the root key that was given` },
    ...judgeStatements(envelopes, found, verifying).checks,
    ...(judged === null ? [] : [judged]),
    ...proofs.checks,
    ...checkOrigin(proofs.checkpoint, trust.origin),
    ...checkShown(evidence, recorded),
    ...checkPolicies(evidence, recorded, loaded.faults),
    ...checkContents(evidence, recorded),
    ...verifyHistories(evidence, recorded),
  ];
  const notProven = notProvenBy({
    evidence,
    recorded,
    inLedger: proofs.inLedger,
    isJudged: judged !== null,
    unreadable: loaded.unreadable,
  });
  notProven.push(...whichLedger(proofs.checkpoint, trust.origin));
  const ok = checks.every((check) => check.ok);
  return { verdict: { actionId: evidence.actionId, ok, checks, notProven }, opened: { evidence, recorded } };
}
