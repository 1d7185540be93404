import { Refusal } from '../core/errors.js';
import type { FreezeScope } from '../core/schemas/statements.js';
import { openFreezes, scopeOf, wordOfScope, type Lifters } from '../record/freezes.js';
import { latest, type Record as ActionRecord } from '../record/record.js';
import type { ActionWorkflows } from './action-workflows.js';

// As many as may be open at once; the rest is seen once these are closed.
const MAX_OPEN = 10_000;
// Each costs Temporal two calls.
const AT_ONCE = 20;

export interface FrozenPassOptions {
  record: Pick<ActionRecord, 'newestFreezes' | 'listActions' | 'ofActions'>;
  workflows: Pick<ActionWorkflows, 'openRun' | 'cancel'>;
  people: () => Lifters;
}

/**
 * Makes the pass that ends all open actions under a freeze by a person: what waits is denied, what runs is stopped, and its
 * lease revoked, by cancelling the workflow, which concludes it. Nothing of it could run in any case: the executor refuses.
 * What the executor froze ends nothing that is open: people decide on it, and it is refused while its agent is frozen.
 * @returns a function that resolves to how many were asked to end; calls while it is under way make one more pass.
 * @throws ServiceFault when a service is away; what is left comes with the next pass.
 */
export function createFrozenPass(options: FrozenPassOptions): () => Promise<number> {
  // One request a run is enough: it outlives the worker.
  const asked = new Set<string>();
  let underWay: Promise<number> | null = null;
  let following: Promise<number> | null = null;
  const begin = (): Promise<number> => {
    underWay = endFrozen(options, asked).finally(() => {
      underWay = null;
    });
    return underWay;
  };
  return () => {
    if (underWay === null) return begin();
    // What was frozen since the pass began is seen by the next one.
    following ??= underWay
      .catch(() => 0)
      .then(() => {
        following = null;
        return begin();
      });
    return following;
  };
}

async function endFrozen({ record, workflows, people }: FrozenPassOptions, asked: Set<string>): Promise<number> {
  const open = openFreezes((await record.newestFreezes()).statements, () => true, people());
  const scopes = new Map(
    open.filter(({ body }) => body.because === 'person').map(({ body }) => [wordOfScope(scopeOf(body)), scopeOf(body)]),
  );
  const found = new Set<string>();
  for (const scope of scopes.values()) for (const id of await openActionsIn(scope, record)) found.add(id);
  if (found.size === 0) asked.clear();
  const ids = [...found];
  let ended = 0;
  for (let start = 0; start < ids.length; start += AT_ONCE) {
    const answers = await Promise.allSettled(
      ids.slice(start, start + AT_ONCE).map(async (actionId) => {
        const runId = await workflows.openRun(actionId);
        if (runId === null || asked.has(runId)) return;
        await workflows.cancel(actionId, runId);
        asked.add(runId);
        ended += 1;
      }),
    );
    // One that has ended meanwhile holds up no other.
    const fault = answers.find(
      ({ status, reason }: { status: string; reason?: unknown }) =>
        status === 'rejected' && !(reason instanceof Refusal),
    );
    if (fault?.status === 'rejected') throw fault.reason;
  }
  return ended;
}

async function openActionsIn(
  scope: FreezeScope,
  record: Pick<ActionRecord, 'listActions' | 'ofActions'>,
): Promise<string[]> {
  const filter = { open: true, limit: MAX_OPEN };
  switch (scope.kind) {
    case 'agent':
      return record.listActions({ ...filter, agent: scope.agent });
    case 'all':
      return record.listActions(filter);
    case 'operation': {
      const ids = await record.listActions(filter);
      const read = await record.ofActions(ids);
      return ids.filter((_, index) => {
        const statements = read[index];
        // What was tampered with is ended, too.
        if (statements === undefined || statements instanceof Refusal) return true;
        return latest(statements, 'request')?.body.operation === scope.operation;
      });
    }
  }
}
