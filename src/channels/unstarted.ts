import type { Envelope } from '../core/dsse.js';
import { Refusal, ServiceFault } from '../core/errors.js';
import type { StatementKind } from '../core/schemas/statements.js';
import { latest, type AnyRecorded, type Record as ActionRecord, type Recorded } from '../record/record.js';

// As many as may be open at once; the rest is seen once these are closed.
const MAX_OPEN = 10_000;
// Read at once.
const BATCH = 25;
/** Whoever took the request may still be putting on record what belongs to it, and starts it then. */
const GRACE_MS = 10_000;

/** What can be on record of an action whose workflow has not begun. */
const BEFORE_START: ReadonlySet<StatementKind> = new Set(['request', 'provenance', 'attachment', 'refusal']);

export interface UnstartedOptions {
  record: Pick<ActionRecord, 'listActions' | 'ofActions'>;
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
    const handIn = async (statements: AnyRecorded[] | Refusal): Promise<'settled' | 'again'> => {
      try {
        if (statements instanceof Refusal) throw statements;
        const request = unstartedRequest(statements);
        if (request === null) return 'settled';
        if (clock() - request.recordedAtMs < GRACE_MS) return 'again';
        await submit(request.envelope);
        started += 1;
        return 'settled';
      } catch (error) {
        // What is away is away for all of them: the next pass goes on here.
        if (error instanceof ServiceFault) throw error;
        onInternal(error);
        // A refusal stays one, e.g. when the agent has left the directory; anything else holds up no other action.
        return error instanceof Refusal ? 'settled' : 'again';
      }
    };
    // Oldest first: they have waited longest.
    const unsettled = open.filter((id) => !settled.has(id)).reverse();
    for (let start = 0; start < unsettled.length; start += BATCH) {
      const ids = unsettled.slice(start, start + BATCH);
      for (const [index, statements] of (await record.ofActions(ids)).entries()) {
        if ((await handIn(statements)) === 'settled') settled.add(ids[index] ?? '');
      }
    }
    return started;
  };
}

/** The request, when nothing on record shows that its workflow began. */
function unstartedRequest(statements: readonly AnyRecorded[]): Recorded<'request'> | null {
  const hasBegun = statements.some(({ kind }) => !BEFORE_START.has(kind));
  return hasBegun ? null : (latest(statements, 'request') ?? null);
}
