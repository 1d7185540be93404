import { Refusal } from '../../core/errors.js';
import { digestOf } from '../../core/json.js';
import type { Flag, Preview } from '../../core/schemas/action.js';
import type { BundleComparison, ReplayResult, Scope } from '../../policy/compare/comparison.js';
import { describeComparison } from '../../policy/compare/describe-comparison.js';
import type { Assessment } from '../../policy/governed/assess.js';
import { textsOf, type LoadedBundle } from '../../policy/governed/bundle-document.js';
import { RULES_VERSION } from '../../policy/governed/rules-version.js';
import { readPointer, readStoredBundle, type StoreReader } from '../../policy/governed/policy-store.js';
import type { KeptContents } from '../../record/contents.js';
import type { PolicyStoreTarget } from '../../targets/policy-store.js';
import { flag, productionFlag, unusualHourFlag } from '../common-flags.js';
import { fitLines } from '../facts.js';
import type { Asked, OperationHost, PolicyInForce } from '../operation.js';
import type { PolicyChangeParams } from './params.js';

const CONTENT_CHARS = 190_000;

export interface ChangeInput extends Omit<Asked<PolicyChangeParams, PolicyStoreTarget>, 'actionId'> {
  host: OperationHost;
  keepsakes: KeptContents;
  past: { sameKind: number };
  nowMs: number;
}

export interface ShownChange {
  preview: Preview;
  flags: Flag[];
  /** As it was uploaded: what is written to the store. */
  document: string;
  /** What a compare-and-set must name. */
  versions: { pointer: number; bundle: number };
}

/** Loads the new bundle whole, and says what it means against the one in force. */
export async function previewChange(vault: StoreReader, input: ChangeInput): Promise<ShownChange> {
  const { params, target, past, nowMs } = input;
  const governed = governedHere(input);
  const before = governed.inForce();
  checkFollows(params, before);
  const versions = await readVersions(vault, governed, before);
  const document = await readProposed(input);
  const requests = (await governed.recordedRequests?.()) ?? null;
  const proposed = await governed.assess({ before: textsOf(before.files), document, requests });
  checkProposed(input, before, proposed);
  const { comparison, replay } = proposed;
  const content = contentOf(comparison, diffOf(proposed));
  const preview: Preview = {
    summary: summaryOf(comparison, target),
    facts: factsOf(params, comparison, replay),
    content: { language: 'diff', text: content },
    fingerprint: digestOf({ mount: governed.mount, versions, ...params }),
    estimate: { number: params.number, digest: params.digest, rules: RULES_VERSION },
  };
  const flags = [
    ...proposed.flags,
    productionFlag(target, 'policy store'),
    unusualHourFlag(target, nowMs),
    past.sameKind === 0 ? flag('first_time', 'low', 'The agent has not changed policy before.') : null,
  ].filter((each) => each !== null);
  return { preview, flags, document, versions };
}

function governedHere({ host, target }: ChangeInput): PolicyInForce {
  const { governed } = host;
  if (governed === undefined)
    throw refused('Policy is pinned by configuration here: set COUNTERSIGN_POLICY_MOUNT to change it by actions.');
  if (governed.mount !== target.vault.mount)
    throw refused(`Policy is read from ${governed.mount} here, and the target names ${target.vault.mount}.`);
  return governed;
}

function checkFollows({ number, previous }: PolicyChangeParams, { policy }: LoadedBundle): void {
  const { bundle } = policy;
  if (number !== bundle.number + 1)
    throw refused(
      `Bundle ${String(bundle.number)} is in force: the next is ${String(bundle.number + 1)}, not ${String(number)}. Set number and previous in bundle.yaml, and propose it again.`,
      'params.number',
    );
  if (previous !== bundle.digest)
    throw refused(`The bundle in force has the digest ${bundle.digest}: name that one as previous.`, 'params.previous');
}

/** The store must say what is in force, or nothing yet: whoever wrote there by hand is not built upon. */
async function readVersions(
  vault: StoreReader,
  { mount }: PolicyInForce,
  { policy }: LoadedBundle,
): Promise<ShownChange['versions']> {
  const { number, digest } = policy.bundle;
  const pointer = await readPointer(vault, { mount });
  const isOlder = pointer.state === 'there' && pointer.value.number < number;
  const isSame = pointer.state === 'there' && pointer.value.number === number && pointer.value.digest === digest;
  if (pointer.state !== 'absent' && !isSame && !isOlder)
    throw refused(`The pointer in Vault (${mount}/current) does not name the bundle in force: see its alarm.`);
  const next = await readStoredBundle(vault, { mount }, number + 1);
  return { pointer: pointer.version, bundle: next.version };
}

async function readProposed({ agent, params, keepsakes }: ChangeInput): Promise<string> {
  if (!(await keepsakes.isUploadedBy(params.content, agent)))
    throw refused(`${agent} uploaded no bundle with this digest: upload it first.`, 'params.content');
  return decode(await keepsakes.get(params.content));
}

function checkProposed({ params, target }: ChangeInput, before: LoadedBundle, after: Assessment): void {
  if (after.bundle.digest !== params.digest)
    throw refused('What was uploaded is not the bundle of this digest.', 'params.digest');
  if (after.bundle.number !== params.number || after.previous !== before.policy.bundle.digest)
    throw refused('Number or previous in its bundle.yaml are others than in the request.', 'params.number');
  const store = after.targets.find(({ name }) => name === target.name);
  if (store?.kind === target.kind && store.vault.mount !== target.vault.mount)
    throw refused('It would move the policy store itself: that is a new installation, not a change.', 'params.digest');
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refused('What was uploaded is not text.', 'params.content');
  }
}

function diffOf(proposed: Assessment): string {
  const diff = proposed.diff?.join('\n');
  if (diff === undefined || diff.length > CONTENT_CHARS) throw tooLarge();
  return diff;
}

/** What the change means, then every line that differs: pure, for the executor must come to the same. */
function contentOf(comparison: BundleComparison, diff: string): string {
  const meaning = describeComparison(comparison).map((line) => ` ${line.text}`);
  const text = [...meaning, ...(diff === '' ? [] : [diff])].join('\n');
  if (text.length > CONTENT_CHARS) throw tooLarge();
  return text;
}

function tooLarge(): Refusal {
  return refused('The change is too large to be shown whole: split it into several.', 'params.digest');
}

function summaryOf({ before, after, effect }: BundleComparison, target: PolicyStoreTarget): string {
  const word = {
    loosening: 'looser',
    tightening: 'stricter',
    both: 'looser and stricter',
    neutral: 'the same in effect',
  };
  return `Policy bundle ${String(after.number)} in the place of ${String(before.number)} on ${target.name} (${target.environment}): ${word[effect]}`;
}

function factsOf(
  { number, digest, previous }: PolicyChangeParams,
  { because, rules, approving, asking, demands, exhaustive }: BundleComparison,
  replay: ReplayResult | null,
): Preview['facts'] {
  const facts = [
    { label: 'Number', value: String(number) },
    { label: 'Digest', value: digest },
    { label: 'Digest of the one before', value: previous },
    { label: 'What that means', value: fitLines(because) },
    { label: 'Rules', value: fitLines(rules.map(({ id, kind, rule }) => `${rule} ${id}: ${kind}`)) },
    {
      label: 'Who may approve',
      value: fitLines(
        approving.map(
          (change) =>
            `${scopeOf(change)}: ${[...change.gained.map((id) => `+${id}`), ...change.lost.map((id) => `-${id}`)].join(' ')}`,
        ),
      ),
    },
    { label: 'Who may ask', value: fitLines(asking.map((change) => `${scopeOf(change)}: ${change.change}`)) },
    { label: 'What is demanded', value: fitLines(demands.map((change) => `${scopeOf(change)}: ${change.effect}`)) },
    { label: 'Compared', value: exhaustive ? 'in every case' : 'in a sample of cases, for there are too many' },
  ];
  return replay === null ? facts : [...facts, replayFact(replay)];
}

function scopeOf({ agents, operation, targets }: Scope): string {
  return `${operation} of ${agents.join(', ')} on ${targets.map(({ name }) => name).join(', ')}`;
}

function replayFact({ replayed, differing, differences }: ReplayResult): Preview['facts'][number] {
  const lines = differences.map(
    ({ actionId, operation, target, note }) => `${actionId}, ${operation} on ${target.name}: ${note}`,
  );
  const head = `${String(differing)} of the last ${String(replayed)} requests would be answered otherwise`;
  return { label: 'Replay', value: fitLines([head, ...lines]) };
}

function refused(message: string, field: string | null = null): Refusal {
  return new Refusal('change_forbidden', message, field);
}
