import { Context } from '@temporalio/activity';
import { z } from 'zod';
import type { Refusals } from '../src/channels/refusals.js';
import type { PrepareActivities, PrepareInput, Prepared } from '../src/contracts/activities.js';
import { actionIdIn, workflowIdOf } from '../src/contracts/workflow-id.js';
import { allDone } from '../src/core/all-done.js';
import { payloadDigest, type Envelope } from '../src/core/dsse.js';
import { digestOf } from '../src/core/json.js';
import { keysFor, publicKeysFor, type Keyring } from '../src/core/keyring.js';
import { Refusal } from '../src/core/errors.js';
import { parseOrRefuse } from '../src/core/invalid-field.js';
import type { ActionSnapshot, ReviewPlan } from '../src/core/schemas/action.js';
import type { ReviewContext, StatementBody } from '../src/core/schemas/statements.js';
import type { Provenance } from '../src/directory/directory.js';
import { requireNotFrozen } from '../src/enforcement/frozen.js';
import { requireNotIntercepted } from '../src/enforcement/intercepted.js';
import { fillableBy } from '../src/policy/fillable.js';
import { planDifference } from '../src/policy/plan-difference.js';
import type { Policy } from '../src/policy/policy.js';
import { readReplaced, withReplaced } from '../src/operations/replaced.js';
import { requireReviewIfTainted, withTaint } from '../src/policy/taint.js';
import { admit, openRequest, type Admitted } from '../src/operations/admit.js';
import { askedOf } from '../src/operations/asked.js';
import { differenceBetween } from '../src/operations/difference.js';
import type { OperationCatalog, OperationHost, PreviewResult } from '../src/operations/operation.js';
import type { Contents } from '../src/record/contents.js';
import { askedOnce } from '../src/record/asked-once.js';
import { allOf, latest, type AnyRecorded, type Record } from '../src/record/record.js';
import { scopesOver } from '../src/record/freezes.js';
import { previewDigestOf } from '../src/core/snapshot.js';
import { provenanceOf } from '../src/record/provenance.js';
import { riskOf } from '../src/record/action-view.js';
import type { Leases } from '../src/vault/leases.js';
import { translated } from './failures.js';
import { heartbeating } from './heartbeat.js';
import { toldLeases } from './told-leases.js';
import { withinBudgets } from './within-budgets.js';
import { createRecall, type RecallPast } from './past.js';

export interface PrepareDependencies {
  policy: () => Policy;
  keyring: () => Keyring;
  operations: OperationCatalog;
  record: Record;
  leases: Leases;
  host: OperationHost;
  contents: Contents;
  /** Whether the worker posts to any channel: an announcement to none would only lengthen the history. */
  announces: boolean;
  /** Where refusals go that are about no action on record. */
  refusals: Refusals;
  clock: () => number;
  onInternal: (error: unknown) => void;
}

/** Admit, preview and policy: everything before people are asked. Runs in the worker. */
export function createPrepareActivities(options: PrepareDependencies): PrepareActivities {
  const leases = toldLeases(options.leases, options.clock);
  const dependencies = { ...options, leases, recall: createRecall(options.record) };
  return {
    prepare: (input) =>
      translated(dependencies.onInternal, () =>
        heartbeating(5_000, () => prepare(dependencies, input), { lease: 'none' }),
      ),
  };
}

type Preparing = PrepareDependencies & { recall: RecallPast };

// The envelope is judged by `admit`, which names what is wrong with it.
const inputSchema: z.ZodType<PrepareInput> = z.strictObject({
  request: z.unknown().transform((value) => (value ?? null) as Envelope),
  round: z.int().min(1),
  reopened: z.strictObject({ code: z.string().max(80), message: z.string().max(2_000) }).nullable(),
});

async function prepare(dependencies: Preparing, sent: unknown): Promise<Prepared> {
  const { record, clock } = dependencies;
  const input = parseOrRefuse(inputSchema, sent);
  const { workflowExecution } = Context.current().info;
  const runId = workflowExecution?.runId ?? '';
  const policy = dependencies.policy();
  const { admitted, found: onRecord } = await refusing(dependencies, input, async () => {
    const answer = await admit({
      opened: openRequest(input.request, {
        directory: policy.directory,
        intakeKeys: keysFor(dependencies.keyring(), 'request'),
      }),
      policy,
      operations: dependencies.operations,
      nowMs: clock(),
    });
    const { actionId } = answer.request;
    const [freezes, found] = await allDone([record.freezesOf(scopesOver(answer.request)), record.ofAction(actionId)]);
    requireNotFrozen(freezes, answer.request, policy.directory);
    if (workflowExecution?.workflowId !== workflowIdOf(actionId)) {
      throw new Refusal(
        'action_id_mismatch',
        'The workflow id must be `action/` and the action id of the signed request.',
        'actionId',
      );
    }
    return { admitted: answer, found };
  });
  const { actionId } = admitted.request;
  const statements = await refusing(dependencies, input, async () => {
    const isKnown = latest(onRecord, 'request')?.digest === payloadDigest(input.request);
    if (!isKnown)
      await record.appendAgentStatement('request', actionId, input.request, askedOnce(admitted.request, null));
    const already = isKnown ? onRecord : await record.ofAction(actionId);
    if (already.some(({ kind }) => kind === 'receipt')) {
      throw new Refusal(
        'action_id_spent',
        'This action has already ended; sign a new request with a new id.',
        'actionId',
      );
    }
    requireNotIntercepted(already);
    return already;
  });
  const key = `${runId}/${input.round}`;
  const found = plannedBefore(statements, input.round, key);
  const asked = { runId, provenance: provenanceOf(statements) };
  const planned =
    found ?? (await refusing(dependencies, input, () => previewAndPlan(dependencies, policy, admitted, input, asked)));
  const prepared = toPrepared(dependencies, policy, admitted, planned);
  if (prepared.fillable === 'never') await recordUnfillable(dependencies, admitted, key);
  return prepared;
}

/** Put on record when the review opens, not when it expires: policy has to name more people. */
async function recordUnfillable(
  { record }: PrepareDependencies,
  { request, requestDigest }: Admitted,
  key: string,
): Promise<void> {
  const message = 'Too few people remain who may decide, after separation of duties. Policy must name more.';
  const body = { code: 'quorum_unfillable', field: null, message, who: null, sentDigest: null };
  await record.append([
    { kind: 'refusal', actionId: request.actionId, requestDigest, body, key: `${key}/quorum_unfillable` },
  ]);
}

interface Planned {
  preview: StatementBody<'preview'>;
  plan: StatementBody<'plan'>;
}

async function previewAndPlan(
  dependencies: Preparing,
  policy: Policy,
  admitted: Admitted,
  input: PrepareInput,
  { runId, provenance }: { runId: string; provenance: Provenance | null },
): Promise<Planned> {
  // Before anything touches the target.
  const replaced = await readReplaced(dependencies.record, admitted.request);
  const { shown, context, revoked } = await previewUnderLease(dependencies, admitted, runId, input.round);
  const stating = statePreviewAndPlan(dependencies, policy, admitted, {
    key: `${runId}/${input.round}`,
    round: input.round,
    provenance,
    shown: { ...shown, ...withReplaced(shown, admitted.request, replaced), context },
  });
  // The record waits for no revocation, nor the other way round.
  const [planned] = await allDone([stating, revoked]);
  return planned;
}

interface ToState {
  key: string;
  round: number;
  provenance: Provenance | null;
  shown: PreviewResult & { context: ReviewContext };
}

async function statePreviewAndPlan(
  { record, clock }: PrepareDependencies,
  policy: Policy,
  admitted: Admitted,
  { key, round, provenance, shown: found }: ToState,
): Promise<Planned> {
  const { request, requestDigest } = admitted;
  const shown = await withinBudgets(record, policy, admitted, { shown: found, nowMs: clock() });
  const { actionId } = request;
  const body: StatementBody<'preview'> = { round, requestDigest, ...shown, gatheredAtMs: clock() };
  // What the record answers counts: a worker that died here before left a preview, and the plan must be of that one.
  const preview = latest(await record.append([{ kind: 'preview', actionId, requestDigest, body, key }]), 'preview');
  if (preview === undefined) throw new Error('The record did not answer with the preview.');
  const before = round === 1 ? [] : await record.ofAction(actionId);
  const planned = planReview(policy, admitted, preview.body, { round, before, provenance, nowMs: clock() });
  const plan = latest(await record.append([{ kind: 'plan', actionId, requestDigest, body: planned, key }]), 'plan');
  if (plan === undefined) throw new Error('The record did not answer with the plan.');
  return { preview: preview.body, plan: plan.body };
}

/** Why people must look again, as the executor stated it (never what a payload says), and what differs from before. */
function reopenedBy(
  statements: readonly AnyRecorded[],
  now: { preview: StatementBody<'preview'>; plan: ReviewPlan },
  momentaryFlags: readonly string[],
): StatementBody<'plan'>['reopened'] {
  const { round } = now.preview;
  const refusal = allOf(statements, 'refusal').findLast(({ envelope }) =>
    envelope.signatures[0]?.keyid.startsWith('executor/'),
  )?.body;
  if (refusal === undefined) return null;
  const preview = allOf(statements, 'preview').findLast(({ body }) => body.round < round)?.body;
  const plan = allOf(statements, 'plan').findLast(({ body }) => body.round < round)?.body.plan;
  const difference =
    preview === undefined
      ? null
      : {
          ...(plan === undefined ? {} : planDifference(plan, now.plan)),
          ...differenceBetween(preview, now.preview, momentaryFlags),
        };
  return { code: refusal.code, message: refusal.message, difference };
}

/** @returns once the preview is there, while its lease is being revoked. */
async function previewUnderLease(
  { leases, recall, host, contents: keepsakes, clock }: Preparing,
  admitted: Admitted,
  runId: string,
  round: number,
): Promise<{ shown: PreviewResult; context: ReviewContext; revoked: Promise<void> }> {
  const { request, requestDigest, operation, target } = admitted;
  const asked = askedOf(admitted.request, admitted);
  const recalling = recall(request, target.name);
  recalling.catch(() => undefined); // reported below, once there is a lease to give back
  const credential = await leases.open({
    actionId: request.actionId,
    requestDigest,
    actionDigest: requestDigest,
    runId,
    step: `preview-${round}`,
    purpose: 'preview',
    ...operation.credentialFor('preview', asked),
    target: target.name,
    ttlSeconds: operation.previewSeconds ?? 60,
  });
  try {
    const signal = Context.current().cancellationSignal;
    const { past, recent } = await recalling;
    const { preview, flags } = await operation.preview({
      ...asked,
      credential,
      past,
      host,
      keepsakes,
      nowMs: clock(),
      signal,
    });
    await credential.onRecord;
    const { kind, name, environment, owners } = target;
    const shown = { target: { kind, name, environment }, preview, flags: withTaint(request, flags) };
    return { shown, context: { owners, recent }, revoked: leases.revoke(credential) };
  } catch (error) {
    await allDone([leases.revoke(credential), credential.onRecord.catch(() => undefined)]);
    throw error;
  }
}

/** The review question, and the digest of what people will approve. */
function planReview(
  policy: Policy,
  admitted: Admitted,
  shown: StatementBody<'preview'>,
  {
    round,
    before,
    provenance,
    nowMs,
  }: { round: number; before: readonly AnyRecorded[]; provenance: Provenance | null; nowMs: number },
): StatementBody<'plan'> {
  const { request, operation } = admitted;
  const verdict = policy.review({
    agent: request.agent,
    operation: request.operation,
    target: shown.target,
    flags: shown.flags,
    nowMs,
  });
  if (!verdict.allowed) throw new Refusal(verdict.code, verdict.because);
  requireReviewIfTainted(request, verdict.plan);
  const snapshot: ActionSnapshot = {
    actionId: request.actionId,
    operation: request.operation,
    params: request.params,
    agent: request.agent,
    fingerprint: shown.preview.fingerprint,
    previewDigest: previewDigestOf(shown),
    planDigest: digestOf(verdict.plan),
    leaseRole: operation.credentialFor('execute', askedOf(admitted.request, admitted)).role,
    expiresAtMs: Math.min(request.expiresAtMs, nowMs + verdict.plan.expireAfterMs),
  };
  return {
    round,
    policy: policy.bundle,
    plan: verdict.plan,
    barred: policy.directory.barredFor(request.agent, provenance),
    snapshot,
    actionDigest: digestOf(snapshot),
    reopened: round === 1 ? null : reopenedBy(before, { preview: shown, plan: verdict.plan }, operation.momentaryFlags),
    openedAtMs: nowMs,
  };
}

function plannedBefore(statements: readonly AnyRecorded[], round: number, key: string): Planned | undefined {
  const preview = allOf(statements, 'preview').findLast(
    ({ body, key: own }) => body.round === round && own === key,
  )?.body;
  const plan = allOf(statements, 'plan').findLast(({ body, key: own }) => body.round === round && own === key)?.body;
  return preview !== undefined && plan !== undefined ? { preview, plan } : undefined;
}

function toPrepared(
  { keyring, announces }: PrepareDependencies,
  policy: Policy,
  admitted: Admitted,
  { preview, plan }: Planned,
): Prepared {
  const { request, agentKey } = admitted;
  const barred = plan.barred.map(({ person }) => person);
  return {
    actionId: request.actionId,
    agent: request.agent,
    operation: request.operation,
    target: preview.target.name,
    environment: preview.target.environment,
    title: `${request.operation} on ${preview.target.name} (${preview.target.environment})`,
    risk: riskOf(preview.flags),
    round: plan.round,
    actionDigest: plan.actionDigest,
    plan: plan.plan,
    barred,
    fillable: fillableBy(plan.plan, barred, policy.directory.at(plan.openedAtMs, barred)),
    openedAtMs: plan.openedAtMs,
    expiresAtMs: plan.snapshot.expiresAtMs,
    announces,
    decisionKeys: publicKeysFor(keyring(), 'decision'),
    agentKey,
    // A withdrawal may come after the gateway's key was rotated.
    ...(policy.directory.signsByIntake(request.agent) && { intakeKeys: publicKeysFor(keyring(), 'withdrawal') }),
  };
}

/** Puts a refusal on record before it is thrown on: who tried what, and why not. */
async function refusing<T>(dependencies: PrepareDependencies, input: PrepareInput, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof Refusal) await recordRefusal(dependencies, input, error);
    throw error;
  }
}

async function recordRefusal(
  { record, refusals }: PrepareDependencies,
  input: PrepareInput,
  refusal: Refusal,
): Promise<void> {
  const sentDigest = digestOfSent(input.request);
  const { workflowExecution } = Context.current().info;
  const actionId = actionIdIn(workflowExecution?.workflowId ?? '');
  const request = actionId === null ? undefined : latest(await record.ofAction(actionId), 'request');
  if (request === undefined || digestOfSent(request.envelope) !== sentDigest) {
    // What names no action on record may be anything at all: cut to size, and rate-limited.
    await refusals.put(refusal, { action: null, who: null, sentDigest, source: 'temporal' });
    return;
  }
  const { code, field, message } = refusal;
  await record.append([
    {
      kind: 'refusal',
      actionId: request.body.actionId,
      requestDigest: request.statement.subject[0].digest.sha256,
      body: { code, field, message, who: `agent/${request.body.agent}`, sentDigest },
      key: `${workflowExecution?.runId ?? ''}/${String(input.round)}/${code}`,
    },
  ]);
}

function digestOfSent(sent: unknown): string | null {
  try {
    return digestOf(sent);
  } catch {
    return null; // it has no canonical JSON: too deep, or not Unicode
  }
}
