import { Context } from '@temporalio/activity';
import type { Channel } from '../src/channels/channel.js';
import type { ConcludeActivities, ConcludeInput, ConcludeResult } from '../src/contracts/activities.js';
import { workflowIdOf } from '../src/contracts/workflow-id.js';
import { Refusal, ServiceFault } from '../src/core/errors.js';
import type { Outcome } from '../src/core/schemas/action.js';
import { RECEIPT_STATEMENTS } from '../src/core/schemas/statements.js';
import type { Claims } from '../src/record/claims.js';
import { isUnprovenRefusal, outcomeOnRecord } from '../src/enforcement/outcome.js';
import { latest, type AnyRecorded, type Record } from '../src/record/record.js';
import { viewAction } from '../src/record/action-view.js';
import type { Leases } from '../src/vault/leases.js';
import { tellChannels } from './announce.js';
import { translated } from './failures.js';
import { heartbeating } from './heartbeat.js';

export interface ConcludeDependencies {
  record: Record;
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
  if (latest(before, 'request') === undefined || isUnprovenRefusal(before, ended)) {
    const outcome = outcomeOnRecord(before, ended, { effectBegan: false, nowMs: clock() });
    return { outcome, lease: 'none', told: true };
  }
  const { effectBegan } = await claims.endAction(actionId);
  const allEnded = await endLeases(dependencies, actionId, closing);
  const statements = await record.ofAction(actionId);
  const outcome = outcomeOnRecord(statements, ended, { effectBegan, nowMs: clock() });
  const view = viewAction(statements);
  if (view === undefined) throw new Refusal('statement_missing', 'The request is no longer on record.');
  const lease = allEnded ? view.lease : 'open';
  await appendReceipt(dependencies, statements, { outcome, lease, closing });
  const told = await tellChannels(record, channels, actionId, 'concluded', 0).then(
    () => true,
    (error: unknown) => {
      onInternal(error);
      return false;
    },
  );
  return { outcome, lease, told };
}

/**
 * Tries all leases, whatever becomes of one.
 * @returns whether the end of every lease is proven. When only the proof is missing (`closing`), the first fault is thrown,
 * to be retried; one that is no service's fault is thrown always.
 */
async function endLeases(
  { claims, leases }: Pick<ConcludeDependencies, 'claims' | 'leases'>,
  actionId: string,
  closing: boolean,
): Promise<boolean> {
  const open = await claims.openLeases(actionId);
  let left = open.map(({ accessor }): { accessor: string; fault: unknown } => ({ accessor, fault: undefined }));
  let tried: number;
  do {
    tried = left.length;
    const ended = await Promise.allSettled(left.map(({ accessor }) => leases.end({ accessor, actionId })));
    left = left.flatMap(({ accessor }, index) => {
      const end = ended[index];
      return end?.status === 'rejected' ? [{ accessor, fault: end.reason as unknown }] : [];
    });
    // The target must know no user of the action at all: a proof may have come before another lease's end. Not before the
    // last one's, so that each pass gets further unless a service is away.
  } while (left.length > 0 && left.length < tried);
  const thrown = left.find(({ fault }) => closing || !(fault instanceof ServiceFault));
  if (thrown !== undefined) throw thrown.fault;
  return left.length === 0;
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
