import type { Client } from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';
import type { Channel } from '../../src/channels/channel.js';
import { createTellOnce } from '../../src/channels/tell-once.js';
import { TASK_QUEUES } from '../../src/contracts/activities.js';
import { RETROSPECTIVE_REVIEW, type RetrospectiveReviewInput } from '../../src/contracts/retrospective.js';
import { SEARCH_ATTRIBUTES } from '../../src/contracts/search-attributes.js';
import { retrospectiveIdOf } from '../../src/contracts/workflow-id.js';
import { allDone } from '../../src/core/all-done.js';
import { Refusal } from '../../src/core/errors.js';
import { viewAction, type ActionView } from '../../src/record/action-view.js';
import type { Record as ActionRecord } from '../../src/record/record.js';

export interface DebtPassOptions {
  record: Pick<ActionRecord, 'debts' | 'ofActions'>;
  channels: readonly Pick<Channel, 'announce'>[];
  client: Client;
  clock: () => number;
}

/**
 * One look at what is owed for broken glasses. Tells each channel of it, also where the action's own workflow could not; and has
 * a workflow wait for each review, started again where somebody ended it. A terminated one comes back with the next pass.
 */
export function createDebtPass({ record, channels, client, clock }: DebtPassOptions): () => Promise<void> {
  const read = async (): Promise<ReadonlyMap<string, ActionView>> => {
    const { debts } = await record.debts();
    const all = await record.ofActions(debts.map(({ actionId }) => actionId));
    const views = all.flatMap((statements) => (statements instanceof Refusal ? [] : (viewAction(statements) ?? [])));
    return new Map(views.map((view) => [view.breakGlass?.debt?.claim ?? view.actionId, view]));
  };
  let owed: ReadonlyMap<string, ActionView> = new Map();
  const tell = createTellOnce(
    channels,
    async () => owed,
    (channel, view) => channel.announce('glass_broken', view, 0),
    clock,
  );
  return async () => {
    owed = await read();
    await allDone([tell(), ...[...owed.values()].map((view) => startReview(client, view))]);
  };
}

/** Where it runs already, nothing comes of it. */
async function startReview(client: Client, { actionId, request, target, breakGlass }: ActionView): Promise<void> {
  const input: RetrospectiveReviewInput = { actionId };
  await client.workflow.start(RETROSPECTIVE_REVIEW, {
    workflowId: retrospectiveIdOf(actionId),
    taskQueue: TASK_QUEUES.worker,
    args: [input],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: `Review of a broken glass: ${request.operation} on ${target?.name ?? 'its target'}`,
    staticDetails: `${(breakGlass?.debt?.by ?? []).join(' and ')} broke the glass for action \`${actionId}\`.`,
    typedSearchAttributes: new TypedSearchAttributes([
      { key: SEARCH_ATTRIBUTES.state, value: 'review_owed' },
      { key: SEARCH_ATTRIBUTES.operation, value: request.operation },
      { key: SEARCH_ATTRIBUTES.agent, value: request.agent },
      { key: SEARCH_ATTRIBUTES.environment, value: target?.environment ?? 'unknown' },
    ]),
  });
}
