import { debtOf } from '../record/debts.js';
import { allOf, latest, type AnyRecorded } from '../record/record.js';
import type { Evidence } from './format.js';
import { contentsNamedBy, policiesNamedBy } from './named.js';

export interface Found {
  evidence: Evidence;
  recorded: readonly AnyRecorded[];
  /** How many statements are proven to be in the ledger. */
  inLedger: number;
  /** Whether the decision to run it could be made again. */
  isJudged: boolean;
  /** Digests of policies that this release does not load. */
  unreadable: readonly string[];
}

/** What this bundle leaves open, whatever of it holds: a sentence each. */
export function notProvenBy(found: Found): string[] {
  return [...always, ...hereOnly(found)];
}

const always = [
  'That nobody was shown another ledger: compare the checkpoint with one that you kept, or that a mirror holds.',
  'That the people were who the identity provider said, and that its sign-ins were not stolen.',
  'When things happened: the times are those of the processes that signed them.',
  'That the agent was not frozen, and that no alarm stopped approvals then: these are on record under other actions.',
  'How fresh a sign-in had to be: that is configuration, which no statement names.',
  'What the target itself did: a result is what the executor observed.',
  'That the keyring is the newest: a key that was given up since counts in an older one. Compare its number.',
  'That nothing was stated about it since: what came behind its receipt may have been left out.',
  'That its policy was the one in force, and who had approved that policy: other actions are about that.',
  'That no key was stolen: a signature tells which key signed, not whose hand it was in.',
];

function hereOnly({ evidence, recorded, inLedger, isJudged, unreadable }: Found): string[] {
  const open: string[] = [];
  const outside = evidence.entries.length - inLedger;
  if (outside > 0)
    open.push(
      `That ${String(outside)} of the statements stand in the ledger, and what came before them: they were not in it yet, or their proofs were left out.`,
    );
  if (latest(recorded, 'receipt') === undefined)
    open.push('Whether it ran or ended: without a receipt, nobody sees here which statements were left out.');
  else if (latest(recorded, 'archive') === undefined)
    open.push('How its workflow went: its history was not archived yet.');
  else if (allOf(recorded, 'archive').every(({ body }) => body.histories.length === 0))
    open.push('How its workflow went: Temporal no longer had its history when it was to be archived.');
  const owed = debtOf(recorded)?.open ?? [];
  if (owed.length > 0)
    open.push(
      `That breaking the glass was justified: for ${owed.join(' and ')} nobody has said so here. A review comes after the end: ask for the bundle again.`,
    );
  const policies = policiesNamedBy(recorded);
  const missing = policies.filter((digest) => !evidence.policies.some((kept) => kept.digest === digest));
  if (missing.length > 0) open.push(`What policy ${missing.join(', ')} said: its files are not here.`);
  if (unreadable.length > 0)
    open.push(`What policy ${unreadable.join(', ')} said: this release does not load it. Use the one of that time.`);
  if (!isJudged && [...allOf(recorded, 'claim'), ...allOf(recorded, 'effect')].length > 0)
    open.push('That its policy let it run: the places were counted with the groups that the gateway stated.');
  const here = new Set(evidence.contents.map(({ sha256 }) => sha256));
  const gone = contentsNamedBy(recorded).filter(({ sha256 }) => !here.has(sha256)).length;
  if (gone > 0) open.push(`What ${String(gone)} files or logs held that are named by digest: they are no longer kept.`);
  return open;
}
