import { payloadDigest, type Envelope } from '../core/dsse.js';
import { Refusal } from '../core/errors.js';
import type { Checkpoint } from '../ledger/checkpoint.js';
import { equalHashes, verifyConsistency } from '../ledger/merkle.js';
import { parseProof } from '../ledger/proof.js';
import { tilePath, tileWidth } from '../ledger/tiles.js';
import { createTiledTree, type TiledTree } from '../ledger/tree.js';
import {
  checkOrigin,
  openOwnCheckpoint,
  verifyLedgerProofs,
  whichLedger,
  type Proven,
} from './verify-ledger-proofs.js';
import { judgeStatements, verifyEach, type StatementCheck, type Verifying } from './verify-statements.js';

/** What a gateway hands out. Nothing of it is believed. */
export interface ActionSource {
  statements(actionId: string): Promise<Envelope[]>;
  /** The `.tlog-proof` of the statement whose payload has this digest; null where no checkpoint covers it. */
  proof(digest: string): Promise<string | null>;
  /** The bytes of a tile of the ledger, e.g. `tile/0/000`. @throws Refusal `not_found` */
  tile(path: string): Promise<Uint8Array>;
}

export interface ActionTrust extends Verifying {
  /** The ledger's name; absent: that of whichever ledger a checkpoint key of the keyring signed. */
  origin?: string;
  /** A checkpoint of this ledger that the verifier kept from before: a signed note. */
  kept?: string;
}

export interface ActionVerdict {
  actionId: string;
  ok: boolean;
  checks: StatementCheck[];
  /** What nobody can tell from what was handed out, a sentence each. */
  notProven: string[];
}

/**
 * Checks an action that a gateway tells of: its statements, the proof of each that it stands in the ledger, that all of
 * these are of one tree, and that this tree goes on from a checkpoint that was kept.
 * @throws what the source throws when it cannot be reached or does not know the action.
 */
export async function verifyAction(source: ActionSource, trust: ActionTrust): Promise<ActionVerdict> {
  const { keyring, origin, kept } = trust;
  const proven = await proveAll(await source.statements(trust.actionId), source);
  const envelopes = proven.entries.map(({ envelope }) => envelope);
  const outside = proven.entries.filter(({ proof }) => proof === null).length;
  const proofs = verifyLedgerProofs(proven, keyring);
  const checks = [
    ...judgeStatements(envelopes, verifyEach(envelopes, trust), trust).checks,
    ...(outside === 0 ? [] : [{ ok: false, what: `${String(outside)} ${OUTSIDE}` }]),
    ...proofs.checks,
    ...checkOrigin(proofs.checkpoint, origin),
    ...(proofs.checkpoint === null ? [] : await checkOneTree(proofs.checkpoint, proven, trust, source)),
  ];
  return {
    actionId: trust.actionId,
    ok: checks.every(({ ok }) => ok),
    checks,
    notProven: [...(kept === undefined ? [NO_KEPT] : []), ...whichLedger(proofs.checkpoint, origin), ...always],
  };
}

const OUTSIDE =
  'of the statements are not in the ledger. What was stated within the last seconds may not be in it yet: then ask again';
const NO_KEPT =
  'That nobody was shown another ledger, and that nothing was cut off since: give a checkpoint that you kept, by --checkpoint.';
const always = [
  'That the gateway handed out all there is about this action: the ledger holds digests, which do not say of which action they are. What it keeps back shows as far as the receipt lists it; what came behind the receipt does not.',
  'That its policy let it run, and what people were shown: that is in an evidence bundle (countersign evidence), and is checked there.',
  'That the people were who the identity provider said, when things happened other than by the clocks of the processes, and that no key was stolen.',
];

/** In the ledger's order; those without a proof last, under the newest checkpoint that a proof came with. */
async function proveAll(envelopes: readonly Envelope[], source: ActionSource): Promise<Proven> {
  const prove = async (envelope: Envelope) => {
    const digest = digestIn(envelope);
    const text = digest === null ? null : await source.proof(digest);
    const proof = text === null ? null : parseProof(text);
    return { envelope, proof: text, place: proof?.index ?? Infinity, checkpoint: proof?.checkpoint ?? null };
  };
  const entries: Awaited<ReturnType<typeof prove>>[] = [];
  for (let start = 0; start < envelopes.length; start += PROOFS_AT_ONCE)
    entries.push(...(await Promise.all(envelopes.slice(start, start + PROOFS_AT_ONCE).map(prove))));
  entries.sort((one, other) => (one.place === other.place ? 0 : one.place - other.place));
  const checkpoints = entries.flatMap(({ checkpoint }) => (checkpoint === null ? [] : [checkpoint]));
  const [newest = null] = checkpoints.sort((one, other) => sizeIn(other) - sizeIn(one));
  return { checkpoint: newest, entries: entries.map(({ envelope, proof }) => ({ envelope, proof })) };
}

const PROOFS_AT_ONCE = 8;

/** Null for what has no readable payload: it has no proof either, and is told as not valid. */
function digestIn(envelope: Envelope): string | null {
  try {
    return payloadDigest(envelope);
  } catch {
    return null;
  }
}

/** Not yet verified. */
function sizeIn(checkpoint: string): number {
  return Number(checkpoint.split('\n')[1]) || 0;
}

/** That the newest tree goes on from each smaller one, by hashes from the ledger's tiles. */
async function checkOneTree(
  newest: Checkpoint,
  { entries }: Proven,
  { keyring, kept }: ActionTrust,
  source: ActionSource,
): Promise<StatementCheck[]> {
  const tree = createTiledTree((level, index) =>
    source.tile(tilePath({ level, index, width: tileWidth(level, index, newest.size) })),
  );
  const checks: StatementCheck[] = [];
  const notes = new Set(entries.flatMap(({ proof }) => (proof === null ? [] : [parseProof(proof)?.checkpoint ?? ''])));
  for (const note of notes) {
    const older = openOwnCheckpoint(note, keyring);
    // What is not signed has been told.
    if (older === null || older.size === newest.size) continue;
    if (!(await goesOn(older, newest, tree)))
      checks.push({
        ok: false,
        what: `The proofs are of different ledgers: that of ${String(older.size)} entries was forked`,
      });
  }
  if (kept !== undefined) checks.push(await checkKept(openOwnCheckpoint(kept, keyring), newest, tree));
  return checks;
}

async function checkKept(before: Checkpoint | null, newest: Checkpoint, tree: TiledTree): Promise<StatementCheck> {
  if (before?.origin !== newest.origin)
    return { ok: false, what: 'The checkpoint that was kept is not a signed note of this ledger' };
  const size = before.size.toLocaleString('en-US');
  if (before.size > newest.size)
    return { ok: false, what: `The ledger is cut off: it had ${size} entries when the kept checkpoint was signed` };
  return (await goesOn(before, newest, tree))
    ? { ok: true, what: `The ledger goes on from the checkpoint that was kept, of ${size} entries` }
    : { ok: false, what: 'The ledger was forked: it does not go on from the checkpoint that was kept' };
}

async function goesOn(older: Checkpoint, newest: Checkpoint, tree: TiledTree): Promise<boolean> {
  if (older.size === newest.size) return equalHashes(older.root, newest.root);
  if (older.size === 0) return true;
  const claim = { firstSize: older.size, firstRoot: older.root, secondSize: newest.size, secondRoot: newest.root };
  try {
    return verifyConsistency(claim, await tree.consistencyProof(older.size, newest.size));
  } catch (error) {
    // Tiles that it does not hand out, or that lack hashes: nothing is proven.
    if (error instanceof RangeError || (error instanceof Refusal && error.code === 'not_found')) return false;
    throw error;
  }
}
