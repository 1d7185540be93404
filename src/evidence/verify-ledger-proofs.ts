import type { Envelope } from '../core/dsse.js';
import { keysOfPurpose, type Keyring } from '../core/keyring.js';
import { openCheckpoint, formatCheckpoint, type Checkpoint } from '../ledger/checkpoint.js';
import { entryOf } from '../ledger/entry.js';
import { leafHash, equalHashes } from '../ledger/merkle.js';
import type { NoteKey } from '../ledger/note.js';
import { formatProof, parseProof, verifyProof } from '../ledger/proof.js';
import type { VerifyEd25519 } from '../core/ed25519.js';
import { createNativeVerifier } from '../record/native-ed25519.js';
import type { StatementCheck } from './verify-statements.js';

/** Statements as a bundle lists them. */
export interface Proven {
  checkpoint: string | null;
  entries: readonly { envelope: Envelope; proof: string | null }[];
}

export interface LedgerProofs {
  checks: StatementCheck[];
  /** The newest tree that the proofs are of; null when there is no valid one. */
  checkpoint: Checkpoint | null;
  /** How many statements are proven to be in the ledger. */
  inLedger: number;
}

/**
 * Checks that statements stand in the ledger, in the order in which they are given, under checkpoints that a key of the
 * keyring signed.
 */
export function verifyLedgerProofs({ checkpoint, entries }: Proven, keyring: Keyring): LedgerProofs {
  const proofs = entries.map(({ proof }) => proof).filter((proof) => proof !== null);
  if (checkpoint === null) {
    const what =
      proofs.length === 0
        ? 'No statement comes with a proof that it is in the ledger'
        : 'There are proofs, but no checkpoint of the ledger';
    return { checks: [{ ok: proofs.length === 0, what }], checkpoint: null, inLedger: 0 };
  }
  const verify = createNativeVerifier();
  const newest = openOwnCheckpoint(checkpoint, keyring, verify);
  if (newest === null) {
    const what = 'The checkpoint is not a signed note of the ledger by a checkpoint key of the keyring';
    return { checks: [{ ok: false, what }], checkpoint: null, inLedger: 0 };
  }
  const faults = faultsOf(entries, newest, { keyring, verify });
  const used = proofs.some((proof) => proof.endsWith(`\n\n${checkpoint}`));
  const inLedger = proofs.length;
  return {
    checks: [
      {
        ok: used,
        what: used
          ? `A checkpoint of the ledger ${newest.origin} is signed: ${count(newest.size)} entries`
          : 'The checkpoint is not the one that the proofs are under',
      },
      {
        ok: faults.length === 0,
        what: `${String(inLedger - faults.length)} of ${String(inLedger)} statements are proven to be in the ledger, in this order`,
      },
      ...faults.map((what) => ({ ok: false, what })),
    ],
    checkpoint: newest,
    inLedger,
  };
}

/** Whether it is the ledger that was asked for. @param origin absent: any will do. */
export function checkOrigin(checkpoint: Checkpoint | null, origin: string | undefined): StatementCheck[] {
  if (origin === undefined) return [];
  if (checkpoint?.origin === origin) return [{ ok: true, what: `It is the ledger ${origin}` }];
  const found = checkpoint === null ? 'no ledger' : `the ledger ${checkpoint.origin}`;
  return [{ ok: false, what: `This is of ${found}, not of ${origin}` }];
}

/** What is left open where nobody said which ledger it must be. */
export function whichLedger(checkpoint: Checkpoint | null, origin: string | undefined): string[] {
  if (origin !== undefined || checkpoint === null) return [];
  return [`That ${checkpoint.origin} is the ledger that you mean: give its name by --origin.`];
}

/** A checkpoint of any ledger whose key is in the keyring, with one signature and nothing that is not signed. */
export function openOwnCheckpoint(
  note: string,
  keyring: Keyring,
  verify: VerifyEd25519 = createNativeVerifier(),
): Checkpoint | null {
  const origin = note.split('\n', 1)[0] ?? '';
  const opened = openCheckpoint(note, origin, noteKeys(keyring, origin), verify);
  if (!opened.ok) return null;
  const body = formatCheckpoint(opened.checkpoint);
  // What no signature covers, e.g. a second signature by a key that nobody knows, could be changed unseen.
  return note.startsWith(`${body}\n— ${origin} `) && note.split('\n').length === 6 ? opened.checkpoint : null;
}

function noteKeys(keyring: Keyring, origin: string): NoteKey[] {
  return keysOfPurpose(keyring, 'checkpoint').map(({ publicKey }) => ({ name: origin, publicKey }));
}

/** Whose signatures count. */
interface Trust {
  keyring: Keyring;
  verify: VerifyEd25519;
}

function faultsOf(entries: Proven['entries'], newest: Checkpoint, trust: Trust): string[] {
  const faults: string[] = [];
  let last = -1;
  let ended = false;
  for (const [at, { envelope, proof }] of entries.entries()) {
    const number = String(at + 1);
    if (proof === null) {
      ended = true;
      continue;
    }
    const index = indexOf(proof, envelope, newest, trust);
    if (typeof index === 'string') faults.push(`Statement ${number}: ${index}`);
    else if (ended || index <= last) faults.push(`Statement ${number}: it is not at its place in the ledger's order`);
    else last = index;
  }
  return faults;
}

/** Where the ledger has it, or why that is not proven. */
function indexOf(text: string, envelope: Envelope, newest: Checkpoint, { keyring, verify }: Trust): number | string {
  const proof = parseProof(text);
  // Another spelling of the same proof would hold bytes that nothing covers.
  if (proof === null || formatProof(proof) !== text) return 'its proof is not a tlog-proof';
  if (openOwnCheckpoint(proof.checkpoint, keyring, verify) === null) return "its proof's checkpoint is not signed";
  const keys = noteKeys(keyring, newest.origin);
  const verified = verifyProof(text, leafHash(entryOf(envelope)), { origin: newest.origin, keys, verify });
  if (!verified.ok) return `its proof does not hold (${verified.fault})`;
  const { checkpoint, index } = verified;
  if (checkpoint.size > newest.size) return 'its proof is of a newer tree than the checkpoint';
  if (checkpoint.size === newest.size && !equalHashes(checkpoint.root, newest.root))
    return 'its proof is of another tree of the same size: the ledger was forked';
  return index;
}

function count(n: number): string {
  return n.toLocaleString('en-US');
}
