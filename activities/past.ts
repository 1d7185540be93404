import type { ActionRequest } from '../src/core/schemas/action.js';
import type { AgentPast } from '../src/operations/operation.js';
import type { Record } from '../src/record/record.js';
import { viewAction } from '../src/record/action-view.js';

// Looking further back would cost more than the "first time" flag is worth.
const LOOK_BACK_ACTIONS = 10;

/** What the agent did before: whether this kind of action on this target is new for it. */
export async function recallPast(record: Record, request: ActionRequest, targetName: string): Promise<AgentPast> {
  // What has not ended tells nothing yet, and an agent may have many of those.
  const ids = await record.listActions({
    agent: request.agent,
    concluded: true,
    limit: LOOK_BACK_ACTIONS,
    before: request.actionId,
  });
  for (const id of ids) {
    const view = viewAction(await record.ofAction(id));
    const same = view?.request.operation === request.operation && view.target?.name === targetName;
    if (same && view.outcome?.status === 'succeeded') return { sameKind: 1 };
  }
  return { sameKind: 0 };
}
