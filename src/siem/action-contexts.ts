import type pg from 'pg';
import { Refusal } from '../core/errors.js';
import type { StatementBody, StatementKind } from '../core/schemas/statements.js';
import { query } from '../record/postgres/pool.js';
import { parseEnvelope } from '../record/postgres/statement-rows.js';
import type { ActionContext } from './action-context.js';
import type { VerifyStatement } from './event-mapper.js';
import { accessChangeOf } from './ocsf/access-change.js';

/** Who asked for what, of the actions that events are about. */
export interface ActionContexts {
  /** Makes actions known. @throws ServiceFault `record` */
  load(actionIds: readonly string[]): Promise<void>;
  /** Takes what a verified statement tells of its action. */
  learn(actionId: string, kind: StatementKind, body: unknown, recordedAtMs: number): void;
  /** What was on record of an action at a time: the same whenever it is asked. */
  at(actionId: string, recordedAtMs: number): ActionContext | null;
}

interface Known extends ActionContext {
  targetSinceMs: number;
}

const KEPT = 5_000;
// An action's first preview may have 900 KB.
const READ_AT_ONCE = 10;

/** From the record, whose requests and first previews are read once for each action. */
export function createActionContexts(pool: pg.Pool, verify: VerifyStatement): ActionContexts {
  const known = new Map<string, Known>();
  const learn: ActionContexts['learn'] = (actionId, kind, body, recordedAtMs) => {
    if (kind === 'request') {
      const { agent, operation, params } = body as StatementBody<'request'>;
      if (known.has(actionId)) return;
      if (known.size >= KEPT) for (const [oldest] of [...known].slice(0, KEPT / 10)) known.delete(oldest);
      known.set(actionId, {
        agent,
        operation,
        change: accessChangeOf(operation, params),
        target: null,
        targetSinceMs: 0,
      });
    }
    const context = known.get(actionId);
    if (kind !== 'preview' || context === undefined || context.target !== null) return;
    context.target = (body as StatementBody<'preview'>).target;
    context.targetSinceMs = recordedAtMs;
  };
  return {
    learn,
    async load(actionIds) {
      const unknown = [...new Set(actionIds)].filter((id) => !known.has(id));
      for (let start = 0; start < unknown.length; start += READ_AT_ONCE)
        for (const row of await query<Row>(pool, FIRST, [unknown.slice(start, start + READ_AT_ONCE)])) {
          const body = bodyOf(row, verify);
          if (body !== null) learn(row.action_id, row.kind, body, Number(row.recorded_at_ms));
        }
    },
    at(actionId, recordedAtMs) {
      const context = known.get(actionId);
      if (context === undefined) return null;
      const { targetSinceMs, target, ...rest } = context;
      return { ...rest, target: recordedAtMs >= targetSinceMs ? target : null };
    },
  };
}

interface Row {
  action_id: string;
  kind: 'request' | 'preview';
  envelope: string;
  recorded_at_ms: string;
}

// 'request' after 'preview' in the alphabet: it must come first.
const FIRST = {
  name: 'siem-contexts',
  text: `select distinct on (action_id, kind) action_id, kind, envelope, recorded_at_ms from countersign.statements
    where action_id = any($1) and kind in ('request', 'preview') order by action_id, kind desc, sequence`,
};

/** Null: it does not verify, and its own event says so. */
function bodyOf({ kind, action_id: actionId, envelope }: Row, verify: VerifyStatement): unknown {
  try {
    return verify(kind, actionId, parseEnvelope(envelope)).statement.predicate.body;
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}
