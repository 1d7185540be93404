import type { ActionRequest } from '../src/core/schemas/action.js';
import type { ReviewContext } from '../src/core/schemas/statements.js';
import type { AgentPast } from '../src/operations/operation.js';
import type { Record } from '../src/record/record.js';
import { viewAction, type ActionView } from '../src/record/action-view.js';

// As many as people are shown. Looking further back would cost more than the "first time" flag is worth.
const LOOK_BACK_ACTIONS = 10;

/** What the agent did before, newest first, and whether this kind of action on this target is new for it. */
export async function recallPast(
  record: Record,
  request: ActionRequest,
  targetName: string,
): Promise<{ past: AgentPast; recent: ReviewContext['recent'] }> {
  // What has not ended tells nothing yet, and an agent may have many of those.
  const ids = await record.listActions({
    agent: request.agent,
    concluded: true,
    limit: LOOK_BACK_ACTIONS,
    before: request.actionId,
  });
  const recent = (await Promise.all(ids.map((id) => record.ofAction(id)))).flatMap((statements) =>
    toRecent(viewAction(statements)),
  );
  const isSame = recent.some(
    ({ operation, target, outcome }) =>
      operation === request.operation && target === targetName && outcome === 'succeeded',
  );
  return { past: { sameKind: isSame ? 1 : 0 }, recent };
}

function toRecent(view: ActionView | undefined): ReviewContext['recent'] {
  if (view === undefined || view.outcome === null || view.receipt === null) return [];
  const { actionId, request, target, outcome, receipt } = view;
  const { operation } = request;
  const { status } = outcome;
  return [{ actionId, operation, target: target?.name ?? null, outcome: status, concludedAtMs: receipt.concludedAtMs }];
}
