import { Context } from '@temporalio/activity';
import type { Channel } from '../src/channels/channel.js';
import type { ConcludeActivities, ConcludeInput, ConcludeResult } from '../src/contracts/activities.js';
import { workflowIdOf } from '../src/contracts/workflow-id.js';
import { Refusal, ServiceFault } from '../src/core/errors.js';
import type { ActionRequest, Outcome } from '../src/core/schemas/action.js';
import { RECEIPT_STATEMENTS } from '../src/core/schemas/statements.js';
import type { Claims, OpenLease } from '../src/record/claims.js';
import { isUnprovenRefusal, outcomeOnRecord } from '../src/enforcement/outcome.js';
import type { Policy } from '../src/policy/policy.js';
import { personsFreezeOver, scopesOver } from '../src/record/freezes.js';
import { latest, type AnyRecorded, type Record, type Recorded } from '../src/record/record.js';
import { viewAction } from '../src/record/action-view.js';
import type { Leases } from '../src/vault/leases.js';
import { tellChannels } from './announce.js';
import { translated } from './failures.js';
import { heartbeating } from './heartbeat.js';

export interface ConcludeDependencies {
  record: Record;
  policy: () => Policy;
  claims: Claims;
  leases: Leases;
  channels: readonly Channel[];
  /** One pass over all leases; see src/vault/sweep.ts. */
  sweep: () => Promise<{ ended: number; failed: number }>;
  clock: () => number;
  onInternal: (error: unknown) => void;
}

/** The notary's activities: it closes leases and signs receipts from what is on record, never from what it is told. */
export function createConcludeActivities(dependencies: ConcludeDependencies): ConcludeActivities {
  return {
    conclude: (input) =>
      translated(dependencies.onInternal, () => {
        requireOwnWorkflow(input.actionId);
        return heartbeating(5_000, () => concludeAction(dependencies, input));
      }),
    sweep: () => translated(dependencies.onInternal, () => heartbeating(5_000, dependencies.sweep)),
  };
}

/** Only an action's own workflow may close it; who can forge that one can also terminate it. */
function requireOwnWorkflow(actionId: string): void {
  if (Context.current().info.workflowExecution?.workflowId !== workflowIdOf(actionId)) {
    throw new Refusal('action_id_mismatch', 'The asking workflow is not the one of this action.');
  }
}

/** Ends and proves the leases, signs the receipt, tells the channels. Also used by the sweeper for runs that were ended from outside. */
export async function concludeAction(
  dependencies: Omit<ConcludeDependencies, 'sweep'>,
  { actionId, ended, closing }: ConcludeInput,
): Promise<ConcludeResult> {
  const { record, claims, channels, clock, onInternal } = dependencies;
  const before = await record.ofAction(actionId);
  // Nothing of ours: a stranger's workflow under this id, with another request or none.
  const request = latest(before, 'request');
  if (request === undefined || isUnprovenRefusal(before, ended)) {
    const outcome = outcomeOnRecord(before, ended, { effectBegan: false, nowMs: clock() });
    return { outcome, lease: 'none', told: true };
  }
  const { effectBegan } = await claims.endAction(actionId);
  const requestDigest = request.statement.subject[0].digest.sha256;
  const faults = await endLeases(dependencies, { actionId, requestDigest });
  // Before anything that may fail as well: where Vault is away, no receipt can be signed either.
  if (faults.some(isLate)) await tellLate(dependencies, actionId);
  // When only the proof is missing, all are asked again; what is no service's fault always is.
  for (const fault of faults) if (closing || !(fault instanceof ServiceFault)) throw fault;
  const statements = await record.ofAction(actionId);
  const frozen = await freezeThatEnded(dependencies, request.body, ended);
  const outcome = outcomeOnRecord(statements, ended, { effectBegan, nowMs: clock(), frozen });
  const view = viewAction(statements);
  if (view === undefined) throw new Refusal('statement_missing', 'The request is no longer on record.');
  const lease = faults.length === 0 ? view.lease : 'open';
  await appendReceipt(dependencies, statements, { outcome, lease, closing });
  const told = await tellChannels({ record, channels, clock }, { actionId, event: 'concluded', number: 0 }).then(
    () => true,
    (error: unknown) => {
      onInternal(error);
      return false;
    },
  );
  return { outcome, lease, told };
}

/** What a person froze ends by a cancellation, like what was ended from outside: the record tells which it was. */
async function freezeThatEnded(
  { record, policy }: Pick<ConcludeDependencies, 'record' | 'policy'>,
  request: ActionRequest,
  ended: ConcludeInput['ended'],
): Promise<Recorded<'freeze'> | null> {
  if (ended.kind !== 'not_run' || ended.status !== 'cancelled') return null;
  try {
    return personsFreezeOver(await record.freezesOf(scopesOver(request)), request, policy().directory) ?? null;
  } catch (error) {
    // A freeze that was tampered with tells nothing; it must not keep the action from its receipt.
    if (error instanceof Refusal) return null;
    throw error;
  }
}

/**
 * Tries all leases, whatever becomes of one.
 * @returns why the end of some is not proven, to be retried.
 */
async function endLeases(
  { claims, leases }: Pick<ConcludeDependencies, 'claims' | 'leases'>,
  { actionId, requestDigest }: { actionId: string; requestDigest: string },
): Promise<unknown[]> {
  const open = await claims.openLeases(actionId);
  let left = open.map((lease): { lease: OpenLease; fault: unknown } => ({ lease, fault: undefined }));
  let tried: number;
  do {
    tried = left.length;
    const ended = await leases.endAll(
      left.map(({ lease }) => lease),
      requestDigest,
    );
    left = left.flatMap(({ lease }, index) => {
      const end = ended[index];
      return end?.status === 'rejected' ? [{ lease, fault: end.reason as unknown }] : [];
    });
    // The target must know no user of the action at all: a proof may have come before another lease's end. Not before the
    // last one's, so that each pass gets further unless a service is away.
  } while (left.length > 0 && left.length < tried);
  return left.map(({ fault }) => fault);
}

/** Whether a lease should have ended; a session at AWS, for one, ends with its time and tells when that is. */
function isLate(fault: unknown): boolean {
  return !(fault instanceof ServiceFault && fault.retryAfterMs !== null);
}

/** Best effort: every attempt tells again. */
async function tellLate(
  { record, channels, onInternal }: Pick<ConcludeDependencies, 'record' | 'channels' | 'onInternal'>,
  actionId: string,
): Promise<void> {
  const view = viewAction(await record.ofAction(actionId));
  if (view === undefined) return;
  for (const channel of channels) await channel.leaseLate?.(view).catch(onInternal);
}

async function appendReceipt(
  { record, clock }: Pick<ConcludeDependencies, 'record' | 'clock'>,
  statements: readonly AnyRecorded[],
  { outcome, lease, closing }: { outcome: Outcome; lease: 'none' | 'open' | 'revoked'; closing: boolean },
): Promise<void> {
  const request = latest(statements, 'request');
  if (request === undefined) return;
  const claim = latest(statements, 'claim');
  await record.append([
    {
      kind: 'receipt',
      actionId: request.body.actionId,
      requestDigest: request.statement.subject[0].digest.sha256,
      body: {
        // Of what ran: after a reset, something else may have been planned since.
        actionDigest: (latest(statements, 'effect') ?? latest(statements, 'plan'))?.body.actionDigest ?? null,
        outcome,
        lease,
        approvers: claim?.body.approvers ?? [],
        statements: statements.slice(-RECEIPT_STATEMENTS).map(({ digest }) => digest),
        closing,
        concludedAtMs: clock(),
      },
      key: closing ? 'closing' : 'receipt',
    },
  ]);
}
