import { Refusal } from '../src/core/errors.js';
import type { ActionRequest } from '../src/core/schemas/action.js';
import type { ReviewContext } from '../src/core/schemas/statements.js';
import type { AgentPast } from '../src/operations/operation.js';
import { latest, type AnyRecorded, type Record } from '../src/record/record.js';

// As many as people are shown. Looking further back would cost more than the "first time" flag is worth.
const LOOK_BACK_ACTIONS = 10;

type Recent = ReviewContext['recent'][number];

// A few hundred bytes each.
const REMEMBERED_ACTIONS = 10_000;

/** Tells what an agent did before, newest first, and whether this kind of action on this target is new for it. */
export type RecallPast = (
  request: ActionRequest,
  targetName: string,
) => Promise<{ past: AgentPast; recent: ReviewContext['recent'] }>;

/** Reads each action that has ended once: how it ended does not change. */
export function createRecall(record: Pick<Record, 'listActions' | 'ofActions'>): RecallPast {
  const remembered = new Map<string, Recent>();
  return async (request, targetName) => {
    // What has not ended tells nothing yet, and an agent may have many of those.
    const ids = await record.listActions({
      agent: request.agent,
      concluded: true,
      limit: LOOK_BACK_ACTIONS,
      before: request.actionId,
    });
    const read = new Map<string, Recent>();
    const unknown = ids.filter((id) => !remembered.has(id));
    for (const statements of await record.ofActions(unknown, ['request', 'preview', 'receipt'])) {
      // A tampered record is never read past.
      if (statements instanceof Refusal) throw statements;
      const found = toRecent(statements);
      if (found === null) continue;
      read.set(found.actionId, found);
      // Behind an open lease comes a closing receipt.
      if (latest(statements, 'receipt')?.body.lease !== 'open') remember(remembered, found);
    }
    const recent = ids.flatMap((id) => remembered.get(id) ?? read.get(id) ?? []);
    const isSame = recent.some(
      ({ operation, target, outcome }) =>
        operation === request.operation && target === targetName && outcome === 'succeeded',
    );
    return { past: { sameKind: isSame ? 1 : 0 }, recent };
  };
}

function remember(remembered: Map<string, Recent>, recent: Recent): void {
  remembered.set(recent.actionId, recent);
  for (const oldest of remembered.keys()) {
    if (remembered.size <= REMEMBERED_ACTIONS) break;
    remembered.delete(oldest);
  }
}

function toRecent(statements: readonly AnyRecorded[]): Recent | null {
  const request = latest(statements, 'request')?.body;
  const receipt = latest(statements, 'receipt')?.body;
  if (request === undefined || receipt === undefined) return null;
  const { actionId, operation } = request;
  const { outcome, concludedAtMs } = receipt;
  const target = latest(statements, 'preview')?.body.target.name ?? null;
  return { actionId, operation, target, outcome: outcome.status, concludedAtMs };
}
