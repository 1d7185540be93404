import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '../../src/core/json.js';
import type { Flag, Preview } from '../../src/core/schemas/action.js';
import type { StatementBody } from '../../src/core/schemas/statements.js';
import { previewDigestOf } from '../../src/core/snapshot.js';
import { Refusal } from '../../src/core/errors.js';
import { bundleFilesOf } from '../../src/policy/bundle-files.js';
import { compareBundles } from '../../src/policy/compare/compare-bundles.js';
import { assess, type Assess } from '../../src/policy/governed/assess.js';
import { loadFiles, packBundle, type LoadedBundle } from '../../src/policy/governed/bundle-document.js';
import { changeFlags } from '../../src/policy/governed/change-flags.js';
import { examplePolicies } from '../../apps/devstack/place.js';
import type { AnyDraft, Record as ActionRecord } from '../../src/record/record.js';
import type { ProcessName } from '../../src/core/schemas/statements.js';
import type { TestInstallation, TestProcess } from './installation.js';
import { newActionId } from './signing.js';
import { makeRequest, type TestRequest } from './statements.js';

/** As processes do, but here: what the thread adds has a test of its own. */
export const assessHere: Assess = async (change) => {
  const answer = assess(change);
  if (answer.kind === 'refused') throw new Refusal(answer.code, answer.message, answer.field);
  return answer.assessment;
};

/** Texts of a bundle by file name. */
export type Texts = Readonly<Record<string, string>>;

/** The example, in which the test agent is the author of policy too; its store is the installation's. */
export async function authorsTexts({ agent, vault }: TestInstallation): Promise<Texts> {
  const names = await readdir(examplePolicies);
  const texts = Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(examplePolicies, name), 'utf8')] as const)),
  );
  const directory = (texts['directory.yaml'] ?? '')
    .replace('groups: [data-agents]', 'groups: [data-agents, policy-authors]')
    // That of the first agent.
    .replace(/publicKey: \S+/, `publicKey: ${agent.publicKey.publicKey}`);
  const targets = (texts['targets.yaml'] ?? '').replace('mount: countersign-policy', `mount: ${vault.mounts.policy}`);
  return { ...texts, 'directory.yaml': directory, 'targets.yaml': targets };
}

/** A bundle of these texts with this place in the chain. */
export function bundleOf(texts: Texts, number: number, previous: string | null): LoadedBundle {
  const read = bundleFilesOf({
    ...texts,
    'bundle.yaml': `number: ${String(number)}\nprevious: ${previous ?? 'null'}\n`,
  });
  return loadFiles(read, 'of the test');
}

/** The next bundle, with one text replaced by another. */
export function after(before: LoadedBundle, file: string, old: string, now: string): LoadedBundle {
  const texts = Object.fromEntries([...before.files].map(([name, { text }]) => [name, text]));
  const text = texts[file] ?? '';
  if (!text.includes(old)) throw new Error(`after: ${file} has no ${old}`);
  const { number, digest } = before.policy.bundle;
  return bundleOf({ ...texts, [file]: text.replace(old, now) }, number + 1, digest);
}

/** What of an honest change is otherwise: an attack. */
export interface Twist {
  /** Who approves. Default: erin, fay and gus, which is enough for everything. */
  approvers?: readonly string[];
  /** What the worker says that it found. Default: what there is. */
  flags?: readonly Flag[];
  /** Which rules the worker says that it judged by. Default: none, as before there were versions. */
  rules?: number;
  /** What is asked for. Default: the new bundle. */
  asks?: Partial<{ number: number; previous: string; digest: string }>;
  /** How far the executor gets. Default: to the end. */
  executor?: 'never' | 'began' | 'failed';
  /** Whether the notary says that it succeeded. Default: false; nobody looks. */
  receipt?: boolean;
  /** A withdrawal by the agent, before the executor began. */
  withdrawn?: boolean;
}

type Processes = Readonly<Record<ProcessName, Pick<TestProcess, 'record'>>>;

/** Puts a whole change on record, signed by the real keys of all processes; answers with its action. */
export async function recordChange(
  installation: TestInstallation,
  processes: Processes,
  [before, next]: readonly [LoadedBundle, LoadedBundle],
  twist: Twist = {},
): Promise<string> {
  const openedAtMs = Date.now() - 120_000;
  const { number, digest } = next.policy.bundle;
  const request = await makeRequest(installation.agent, {
    actionId: newActionId(),
    operation: 'policy.change',
    params: {
      ...{ target: 'policy', number, previous: before.policy.bundle.digest, digest },
      content: digestOf(packBundle(next.files)),
      ...twist.asks,
    },
    requestedAtMs: openedAtMs - 1_000,
    expiresAtMs: openedAtMs + 3_600_000,
  });
  const { actionId, requestDigest } = request;
  const about = { actionId, requestDigest };
  await processes.gateway.record.appendAgentStatement('request', actionId, request.envelope);
  const { preview, plan } = planned(
    request,
    before,
    { flags: twist.flags ?? changeFlags(compareBundles(before, next), before, next), rules: twist.rules },
    openedAtMs,
  );
  const state = (record: Pick<ActionRecord, 'append'>, drafts: readonly AnyDraft[]) => record.append(drafts);
  await state(processes.worker.record, [{ kind: 'preview', ...about, body: preview }]);
  await state(processes.worker.record, [{ kind: 'plan', ...about, body: plan }]);
  for (const [index, person] of (twist.approvers ?? ['erin', 'fay', 'gus']).entries())
    await state(processes.gateway.record, [
      { kind: 'decision', ...about, body: approvalBy(person, plan.actionDigest, openedAtMs + 1_000 + index) },
    ]);
  if (twist.withdrawn === true)
    await state(processes.gateway.record, [
      {
        kind: 'decision',
        ...about,
        body: { ...approvalBy('erin', plan.actionDigest, openedAtMs + 5_000), decision: 'deny' },
      },
    ]);
  await execute(processes.executor.record, about, plan, twist.executor);
  if (twist.receipt === true) await state(processes.notary.record, [receiptOf(about, plan.actionDigest)]);
  return actionId;
}

function planned(
  { body: request, requestDigest }: TestRequest,
  before: LoadedBundle,
  { flags, rules }: { flags: readonly Flag[]; rules: number | undefined },
  openedAtMs: number,
): { preview: StatementBody<'preview'>; plan: StatementBody<'plan'> } {
  const { policy } = before;
  const target = { kind: 'policy-store', name: 'policy', environment: 'production' };
  const shown: Preview = {
    summary: 'Another policy bundle',
    facts: [],
    content: { language: 'diff', text: '' },
    fingerprint: digestOf(request.params),
    estimate: rules === undefined ? {} : { rules },
  };
  const preview: StatementBody<'preview'> = {
    ...{ round: 1, requestDigest, target, preview: shown, flags: [...flags], gatheredAtMs: openedAtMs },
  };
  const verdict = policy.review({ ...request, target, flags, nowMs: openedAtMs });
  if (!verdict.allowed) throw new Error(verdict.because);
  const snapshot: StatementBody<'plan'>['snapshot'] = {
    actionId: request.actionId,
    operation: request.operation,
    params: request.params,
    agent: request.agent,
    fingerprint: shown.fingerprint,
    previewDigest: previewDigestOf(preview),
    planDigest: digestOf(verdict.plan),
    leaseRole: 'auth/token/create/policy-execute',
    expiresAtMs: request.expiresAtMs,
  };
  const plan: StatementBody<'plan'> = {
    round: 1,
    policy: policy.bundle,
    plan: verdict.plan,
    barred: policy.directory.barredFor(request.agent, null),
    snapshot,
    actionDigest: digestOf(snapshot),
    reopened: null,
    openedAtMs,
  };
  return { preview, plan };
}

function approvalBy(person: string, actionDigest: string, decidedAtMs: number): StatementBody<'decision'> {
  return {
    ...{ round: 1, actionDigest, runId: 'run-1', decision: 'approve', reason: 'Fine.' },
    approver: { person, groups: [] },
    via: { channel: 'api', subject: person, eventId: `event-${String(decidedAtMs)}` },
    decidedAtMs,
  };
}

async function execute(
  record: Pick<ActionRecord, 'append'>,
  about: { actionId: string; requestDigest: string },
  { actionDigest, openedAtMs }: StatementBody<'plan'>,
  how: Twist['executor'],
): Promise<void> {
  if (how === 'never') return;
  const claim = {
    actionDigest,
    step: 'execute',
    attempt: 1,
    runId: 'run-1',
    approvers: [],
    claimedAtMs: openedAtMs + 60_000,
  };
  await record.append([{ kind: 'claim', ...about, body: claim }]);
  const effect = { actionDigest, step: 'execute', attempt: 1, startedAtMs: openedAtMs + 61_000 };
  await record.append([{ kind: 'effect', ...about, body: effect, key: 'execute' }]);
  if (how !== 'began') await finish(record, about, how === 'failed' ? 'failed' : 'succeeded');
}

/** The executor says what came of it. */
export async function finish(
  record: Pick<ActionRecord, 'append'>,
  about: { actionId: string; requestDigest: string },
  status: 'succeeded' | 'failed',
): Promise<void> {
  const body = {
    step: 'execute',
    outcome: { status, code: status, message: '' },
    findings: [],
    finishedAtMs: Date.now(),
  };
  await record.append([{ kind: 'result', ...about, body, key: 'execute' }]);
}

function receiptOf(about: { actionId: string; requestDigest: string }, actionDigest: string): AnyDraft {
  return {
    kind: 'receipt',
    ...about,
    body: {
      actionDigest,
      outcome: { status: 'succeeded', code: 'succeeded', message: 'The operation ran to its end.' },
      lease: 'revoked',
      approvers: ['erin', 'fay', 'gus'],
      statements: [],
      closing: true,
      concludedAtMs: Date.now(),
    },
  };
}
