import { digestOf } from '../../core/json.js';
import type { KeyPurpose } from '../../core/keyring.js';
import { visibleLine } from '../../core/visible-text.js';
import type { ProcessName, StatementBody } from '../../core/schemas/statements.js';
import { rememberSigners, type AgentSigners } from '../../directory/agent-signers.js';
import type { OperationCatalog } from '../../operations/operation.js';
import type { Record as ActionRecord, Recorded } from '../../record/record.js';
import type { BundleFiles } from '../bundle-files.js';
import type { Assess } from './assess.js';
import { loadFiles, signingAgentsIn, unpackBundle, type LoadedBundle } from './bundle-document.js';
import { createFormerDirectories } from './former-directories.js';
import type { KeptBundles } from './kept-bundles.js';
import {
  readPointer,
  readStoredBundle,
  type Kept,
  type Pointer,
  type StoredBundle,
  type StoreReader,
} from './policy-store.js';
import { redecide, type Candidate, type Finding } from './redecide.js';

export interface GovernedPolicyOptions {
  process: ProcessName;
  /** What configuration pins. */
  genesis: LoadedBundle;
  vault: StoreReader;
  /** Mount of the policy store. */
  mount: string;
  record: Pick<ActionRecord, 'append' | 'ofAction'>;
  /** What this process, or another of its kind, adopted before, oldest first. */
  readAdoptions: () => Promise<Recorded<'adoption'>[]>;
  kept: KeptBundles;
  operations: OperationCatalog;
  assess: Assess;
  clock: () => number;
  log: { info(fields: object, message: string): void; error(fields: object, message: string): void };
}

/** The policy bundle that a process judges by, which follows the approved changes and nothing else. */
export interface GovernedPolicy {
  inForce(): LoadedBundle;
  /** By every bundle that this process adopted since the pinned one: for reading, never for what may be done now. */
  agentSigners: Required<AgentSigners>;
  /**
   * Walks the chain from the pinned bundle as far as it is proven.
   * @throws Error when that is not as far as this process has been before, or a new pinned bundle has a number that was
   *   in force already: a process that can't go back does not start.
   */
  start(): Promise<void>;
  /**
   * Takes what was approved since, and raises an alarm when the store is not what is in force, twice in a row.
   * @throws ServiceFault when Vault or the record is away: what is in force stays.
   */
  check(): Promise<void>;
}

/** Nothing is read before `start`; until then the pinned bundle is in force. */
export function createGovernedPolicy(options: GovernedPolicyOptions): GovernedPolicy {
  const { genesis, process, log } = options;
  const chain = createChain(options);
  let faultBefore = false;
  let raised: string | null = null;

  return {
    inForce: chain.inForce,
    agentSigners: chain.agentSigners,
    async start() {
      const adoptions = await ownAdoptions(options);
      const highest = Math.max(0, ...adoptions.map(({ body }) => body.number));
      await tellNewGenesis(options, adoptions, highest);
      await chain.adopt(genesis, null);
      await chain.recall(adoptions);
      await chain.advance();
      const { number } = chain.inForce().policy.bundle;
      if (number < highest)
        throw new Error(
          `The ${process} has judged by policy bundle ${String(highest)} before, and only bundle ${String(number)} can be proven ` +
            'now: it does not start. Put the bundle and its approvals back (Vault, record), or follow "Recovery" in docs/policy-changes.md.',
        );
      await this.check();
    },
    async check() {
      const stop = await chain.advance();
      const fault = stop.isPending ? null : await findFault(options, chain, stop.why);
      const isSeenAgain = faultBefore && fault !== null;
      faultBefore = fault !== null;
      // Once may be a change that was going on between two readings.
      if (fault === null) raised = null;
      if (fault === null || !isSeenAgain || fault.key === raised) return;
      log.error({ code: 'policy_tampered' }, fault.sentence);
      await raise(options, 'policy_tampered', fault.sentence, fault.key);
      raised = fault.key;
    },
  };
}

/** Why there is no next bundle to take. */
interface Stop {
  isPending: boolean;
  /** What is wrong with the one that is there; null where none is. */
  why: string | null;
}

interface Chain {
  inForce(): LoadedBundle;
  agentSigners: Required<AgentSigners>;
  /** The action that put it in force; null for the pinned one. */
  change(): string | null;
  adopt(bundle: LoadedBundle, candidate: Candidate | null): Promise<void>;
  /** Goes on from where this process was, by its own signed memory: it has decided all of it before. */
  recall(adoptions: readonly Recorded<'adoption'>[]): Promise<void>;
  /** Takes every change that is proven, one after the other. */
  advance(): Promise<Stop>;
}

function createChain(options: GovernedPolicyOptions): Chain {
  const { genesis, kept, process, record, clock, log } = options;
  let inForce = genesis;
  let changedBy: string | null = null;
  const agentSigners = rememberSigners(genesis.policy.directory.agents());
  const former = createFormerDirectories();
  const take = (bundle: LoadedBundle, change: string | null): void => {
    agentSigners.remember(bundle.policy.directory.agents());
    former.remember(bundle.files);
    inForce = former.joined(bundle);
    changedBy = change;
  };

  const chain: Chain = {
    inForce: () => inForce,
    agentSigners,
    change: () => changedBy,
    async adopt(bundle, candidate) {
      const { number, digest } = bundle.policy.bundle;
      const pinned = genesis.policy.bundle.digest;
      const change = candidate?.change ?? null;
      if (candidate !== null) await kept.keep(number, candidate);
      // On record before it is in force.
      const body = { number, digest, previous: bundle.previous, genesis: pinned, change, adoptedAtMs: clock() };
      const key = `${process}/${pinned}/${String(number)}/${digest}`;
      await record.append([{ kind: 'adoption', actionId: null, requestDigest: digestOf(body), body, key }]);
      if (candidate !== null && bundle !== inForce)
        log.info({ number, digest, change }, `Policy bundle ${String(number)} is in force.`);
      take(bundle, change);
    },
    async recall(adoptions) {
      const pinned = genesis.policy.bundle.digest;
      const later = adoptions
        .filter(({ body }) => body.genesis === pinned && body.number > genesis.policy.bundle.number)
        .sort((one, other) => one.body.number - other.body.number);
      for (const { body } of later) {
        const files = await adoptedFiles(options, body);
        if (files === null) continue;
        agentSigners.remember(signingAgentsIn(files) ?? []);
        former.remember(files);
      }
      const last = later.find(({ body }) => body.number === later.at(-1)?.body.number);
      if (last === undefined) return;
      const { number, digest } = last.body;
      for (const candidate of await candidatesFor(options, number)) {
        const bundle = loadedOrNull(candidate.document, digest);
        if (bundle !== null) {
          take(bundle, last.body.change);
          return;
        }
      }
    },
    async advance() {
      for (;;) {
        const next = await findNext(options, inForce);
        if ('why' in next) return next;
        await chain.adopt(next.bundle, next.candidate);
      }
    },
  };
  return chain;
}

async function findNext(
  options: GovernedPolicyOptions,
  inForce: LoadedBundle,
): Promise<{ bundle: LoadedBundle; candidate: Candidate } | Stop> {
  const proven: { bundle: LoadedBundle; candidate: Candidate; beganAt: number }[] = [];
  const stop: Stop = { isPending: false, why: null };
  for (const candidate of await candidatesFor(options, inForce.policy.bundle.number + 1)) {
    const finding: Finding = await redecide(candidate, inForce, options);
    if (finding.kind === 'proven') proven.push({ ...finding, candidate });
    stop.isPending ||= finding.kind === 'pending';
    if (finding.kind === 'unproven') stop.why ??= finding.why;
  }
  // All processes must take the same one.
  const [first] = proven.sort((one, other) => one.beganAt - other.beganAt);
  return first ?? stop;
}

/** From Vault, and from the record's database, where one of them has lost it. */
async function candidatesFor({ vault, mount, kept }: GovernedPolicyOptions, number: number): Promise<Candidate[]> {
  const stored = await readStoredBundle(vault, { mount }, number);
  const others = await kept.find(number);
  const own = stored.state === 'there' ? [{ document: stored.value.document, change: stored.value.change }] : [];
  return [
    ...own,
    ...others.filter((other) =>
      own.every(({ document, change }) => document !== other.document || change !== other.change),
    ),
  ];
}

/** The files of a bundle that this process adopted; null where nobody has it any more as it was. */
async function adoptedFiles(
  options: GovernedPolicyOptions,
  { number, digest }: StatementBody<'adoption'>,
): Promise<BundleFiles['files'] | null> {
  for (const { document } of await candidatesFor(options, number)) {
    const files = filesOrNull(document);
    if (files?.digest === digest) return files.files;
  }
  const { process, log } = options;
  const sentence =
    `Policy bundle ${String(number)} (${digest}), by which the ${process} judged before, is neither in Vault nor in the record's ` +
    'database as it was: what agents signed by a key that only it lists cannot be read, and what people whom only it let ' +
    'unfreeze have lifted may stand again.';
  log.error({ code: 'policy_tampered', number, digest }, sentence);
  return null;
}

/** A bundle that was proven before, if this is it. */
function loadedOrNull(document: string, digest: string): LoadedBundle | null {
  try {
    const files = filesOrNull(document);
    return files?.digest === digest ? loadFiles(files, digest) : null;
  } catch {
    // Somebody's edit: another place may have it whole, or the chain is walked again.
    return null;
  }
}

interface Fault {
  sentence: string;
  /** The same for the same state of the store: one alarm each. */
  key: string;
}

/** What in the store is not what is in force. @param why what is wrong with the next one, if there is one */
async function findFault(
  { vault, mount }: GovernedPolicyOptions,
  chain: Pick<Chain, 'inForce' | 'change'>,
  why: string | null,
): Promise<Fault | null> {
  const change = chain.change();
  const { number, digest } = chain.inForce().policy.bundle;
  const pointer = await readPointer(vault, { mount });
  // The pinned one lies in a folder.
  const own = change === null ? null : await readStoredBundle(vault, { mount }, number);
  const next = await readStoredBundle(vault, { mount }, number + 1);
  const wrong = [
    pointerFault(pointer, { number, digest, change }),
    own === null ? null : bundleFault(own, { number, digest, change }),
    next.state === 'absent'
      ? null
      : `bundle ${String(number + 1)} there was put in by no approved change (${firstLine(why)})`,
  ].filter((each) => each !== null);
  if (wrong.length === 0) return null;
  const sentence =
    `Policy in Vault (${mount}) was changed by hand: ${wrong.join('; ')}. Bundle ${String(number)} (${digest}) stays in force. ` +
    'Find out who wrote there (audit log of Vault), then put it back: see docs/policy-changes.md.';
  const versions = [pointer, own, next].map((kept) => kept?.version ?? null);
  return { sentence: sentence.slice(0, 1_000), key: digestOf({ number, digest, versions, wrong }) };
}

interface Right {
  number: number;
  digest: string;
  change: string | null;
}

function bundleFault(kept: Kept<StoredBundle>, right: Right): string | null {
  const name = `bundle ${String(right.number)} there`;
  if (kept.state === 'absent') return `${name} is gone`;
  if (kept.state === 'malformed') return `${name} cannot be read`;
  const { number, digest, change, document } = kept.value;
  const isRight = number === right.number && digest === right.digest && change === right.change;
  return isRight && filesOrNull(document)?.digest === right.digest ? null : `${name} is another now`;
}

function pointerFault(kept: Kept<Pointer>, right: Right): string | null {
  if (kept.state === 'malformed') return 'its pointer "current" cannot be read';
  if (kept.state === 'absent') return right.change === null ? null : 'its pointer "current" is gone';
  const { number, digest, change } = kept.value;
  // Of a chain before the pinned bundle.
  if (right.change === null && number <= right.number) return null;
  if (number === right.number && digest === right.digest && change === right.change) return null;
  return `its pointer "current" names bundle ${String(number)} (${digest.slice(0, 16)}…)`;
}

/** It may quote what somebody put there. */
function firstLine(why: string | null): string {
  return visibleLine((why ?? 'It cannot be read.').split('\n')[0] ?? '').slice(0, 300);
}

function filesOrNull(document: string): BundleFiles | null {
  try {
    return unpackBundle(document);
  } catch {
    return null;
  }
}

/** Whose signature makes an adoption a process's own: another's key must not give it a memory. */
const OWN_KEY: Readonly<Record<ProcessName, KeyPurpose>> = {
  gateway: 'intake',
  worker: 'worker',
  executor: 'executor',
  notary: 'receipt',
};

async function ownAdoptions(options: GovernedPolicyOptions): Promise<Recorded<'adoption'>[]> {
  const { process, log } = options;
  const all = await options.readAdoptions();
  const own = all.filter(({ envelope }) => envelope.signatures[0]?.keyid.startsWith(`${OWN_KEY[process]}/`));
  const forged = all.find((adoption) => !own.includes(adoption));
  if (forged !== undefined) {
    const sentence =
      `The record says that the ${process} took policy bundle ${String(forged.body.number)}, signed by the key of another ` +
      `process (${forged.digest}): it is not believed. Somebody holds that key and a role in the database.`;
    log.error({ code: 'policy_tampered' }, sentence);
    await raise(options, 'policy_tampered', sentence, forged.digest);
  }
  return own;
}

/** A pinned bundle that nobody approved here: first installation is silent, everything after it is said aloud. */
async function tellNewGenesis(
  options: GovernedPolicyOptions,
  adoptions: readonly Recorded<'adoption'>[],
  highest: number,
): Promise<void> {
  const { genesis, process, log } = options;
  const { number, digest } = genesis.policy.bundle;
  if (adoptions.length === 0 || adoptions.some(({ body }) => body.genesis === digest)) return;
  if (number <= highest)
    throw new Error(
      `Configuration pins policy bundle ${String(number)}, which is new, but bundle ${String(highest)} was in force already: ` +
        `give it the number ${String(highest + 1)} or more (bundle.yaml). See "Recovery" in docs/policy-changes.md.`,
    );
  const sentence =
    `Configuration of the ${process} pins another first policy bundle, ${String(number)} (${digest}): nobody approved it here. ` +
    'That is meant for recovery alone: whoever did not expect it must act at once. See docs/policy-changes.md.';
  log.error({ code: 'policy_genesis_changed', number, digest }, sentence);
  await raise(options, 'policy_genesis_changed', sentence, digest);
}

/** @param key the same for the same finding: it is raised once by each process */
async function raise(
  { record, process, clock }: GovernedPolicyOptions,
  code: string,
  sentence: string,
  key: string,
): Promise<void> {
  // Nothing has changed that anybody approves by: whoever may write to Vault must not be able to stop all work.
  const body = { code, severity: 'critical' as const, sentence, stopsApprovals: false, raisedAtMs: clock() };
  await record.append([
    { kind: 'alarm', actionId: null, requestDigest: digestOf(body), body, key: `${process}/${code}/${key}` },
  ]);
}
