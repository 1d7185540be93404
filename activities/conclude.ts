import { Context } from '@temporalio/activity';
import type { Channel } from '../src/channels/channel.js';
import type { ConcludeActivities, ConcludeInput, ConcludeResult } from '../src/contracts/activities.js';
import { workflowIdOf } from '../src/contracts/workflow-id.js';
import { Refusal, ServiceFault } from '../src/core/errors.js';
import type { Outcome } from '../src/core/schemas/action.js';
import type { Claims } from '../src/record/claims.js';
import { outcomeOnRecord } from '../src/enforcement/outcome.js';
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
  const { record, channels, clock, onInternal } = dependencies;
  const allEnded = await endLeases(dependencies, actionId, closing);
  const statements = await record.ofAction(actionId);
  const outcome = outcomeOnRecord(statements, ended, clock());
  const view = viewAction(statements);
  if (view === undefined) return { outcome, lease: allEnded ? 'none' : 'open', told: true };
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

/** @returns whether the end of every lease is proven. When only the proof is missing (`closing`), a fault is thrown to be retried. */
async function endLeases(
  { claims, leases }: Pick<ConcludeDependencies, 'claims' | 'leases'>,
  actionId: string,
  closing: boolean,
): Promise<boolean> {
  let allEnded = true;
  for (const { accessor } of await claims.openLeases(actionId)) {
    try {
      await leases.end({ accessor, actionId });
    } catch (error) {
      if (closing || !(error instanceof ServiceFault)) throw error;
      allEnded = false;
    }
  }
  return allEnded;
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
        actionDigest: latest(statements, 'plan')?.body.actionDigest ?? null,
        outcome,
        lease,
        approvers: claim?.body.approvers ?? [],
        statements: statements.map(({ digest }) => digest),
        closing,
        concludedAtMs: clock(),
      },
      key: closing ? 'closing' : 'receipt',
    },
  ]);
}
