import type { Envelope } from '../core/dsse.js';
import { Refusal, ServiceFault } from '../core/errors.js';
import type { StatementKind } from '../core/schemas/statements.js';
import { latest, type Record as ActionRecord, type Recorded } from '../record/record.js';

// As many as may be open at once; the rest is seen once these are closed.
const MAX_OPEN = 10_000;
/** Whoever took the request may still be putting on record what belongs to it, and starts it then. */
const GRACE_MS = 10_000;

/** What can be on record of an action whose workflow has not begun. */
const BEFORE_START: ReadonlySet<StatementKind> = new Set(['request', 'provenance', 'attachment', 'refusal']);

export interface UnstartedOptions {
  record: Pick<ActionRecord, 'listActions' | 'ofAction'>;
  /** Hands a request in again, as its agent would: what is started already is found started. */
  submit(request: Envelope): Promise<unknown>;
  clock: () => number;
  /** Told why a request could not be handed in again. */
  onInternal: (error: unknown) => void;
}

/**
 * Makes the pass that starts what was put on record while Temporal was away. One that has expired meanwhile is started
 * too: it ends as expired then, with a receipt, and no longer counts against its agent's quota.
 * @returns a function that resolves to how many were handed in.
 * @throws ServiceFault when a service is away; what is left comes with the next pass.
 */
export function createUnstartedPass({ record, submit, clock, onInternal }: UnstartedOptions): () => Promise<number> {
  // Each costs one look, not one a pass: most open actions wait for people, for days.
  const settled = new Set<string>();
  return async () => {
    const open = await record.listActions({ open: true, limit: MAX_OPEN });
    const present = new Set(open);
    for (const id of settled) if (!present.has(id)) settled.delete(id);
    let started = 0;
    // Oldest first: they have waited longest.
    for (const actionId of open.filter((id) => !settled.has(id)).reverse()) {
      try {
        const request = await unstartedRequest(record, actionId);
        if (request !== null && clock() - request.recordedAtMs < GRACE_MS) continue;
        if (request !== null) {
          await submit(request.envelope);
          started += 1;
        }
      } catch (error) {
        // What is away is away for all of them: the next pass goes on here.
        if (error instanceof ServiceFault) throw error;
        onInternal(error);
        // A refusal stays one, e.g. when the agent has left the directory; anything else holds up no other action.
        if (!(error instanceof Refusal)) continue;
      }
      settled.add(actionId);
    }
    return started;
  };
}

/** The request, when nothing on record shows that its workflow began. */
async function unstartedRequest(
  record: UnstartedOptions['record'],
  actionId: string,
): Promise<Recorded<'request'> | null> {
  const statements = await record.ofAction(actionId);
  const hasBegun = statements.some(({ kind }) => !BEFORE_START.has(kind));
  return hasBegun ? null : (latest(statements, 'request') ?? null);
}
