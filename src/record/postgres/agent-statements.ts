import pg from 'pg';
import type { Envelope } from '../../core/dsse.js';
import { AlreadyAsked, Refusal } from '../../core/errors.js';
import type { Statement } from '../../core/schemas/statements.js';
import type { AskedOnce } from '../asked-once.js';
import { invalid, type VerifiedStatement } from '../verify-statement.js';
import { lockNameOf, selectFirst } from './joining.js';
import { runTransaction } from './pool.js';

interface RequestRow {
  agent: string;
  digest: string;
  on_behalf_of: string | null;
}

interface FirstRow {
  action_id: string;
  digest: string;
}

/** A verified statement of an agent, as it is inserted. */
export interface AgentStatement {
  kind: 'request' | 'withdrawal';
  actionId: string;
  envelope: Envelope;
  verified: VerifiedStatement;
  /** Of a request that joins an open one for the same; null: it joins none, and none joins it. */
  once: AskedOnce | null;
}

/** Inserts a request once per action id and, while it is open, per what is asked; or its agent's withdrawal. In one round trip. */
export async function insertAgentStatement(pool: pg.Pool, stated: AgentStatement): Promise<'new' | 'known'> {
  const { kind, actionId, verified, once } = stated;
  const { agent } = (verified.statement as Statement<'request' | 'withdrawal'>).predicate.body;
  // Always in this order, so that two never wait for each other.
  const locks = [`countersign.request/${actionId}`, ...(once === null ? [] : [lockNameOf(once)])];
  const [, known, requested, first, inserted] = (await runTransaction(pool, [
    `select ${locks.map((name) => `pg_advisory_xact_lock(hashtextextended(${pg.escapeLiteral(name)}, 0))`).join()}`,
    `select from countersign.statements where digest = ${pg.escapeLiteral(verified.digest)}`,
    `select agent, digest, on_behalf_of from countersign.requests where action_id = ${pg.escapeLiteral(actionId)}`,
    once === null ? 'select where false' : selectFirst(once, actionId),
    insertOf(stated, agent),
  ])) as [unknown, pg.QueryResult, pg.QueryResult<RequestRow>, pg.QueryResult<FirstRow>, pg.QueryResult];
  if (known.rowCount !== 0) {
    checkPeople(once, requested.rows[0]);
    return 'known';
  }
  if (inserted.rowCount === 1) return 'new';
  const [open] = first.rows;
  if (open !== undefined && requested.rowCount === 0)
    throw new AlreadyAsked({ actionId: open.action_id, requestDigest: open.digest });
  throw refusalOf(kind, actionId, agent, requested.rows[0]);
}

function insertOf({ kind, actionId, envelope, verified, once }: AgentStatement, agent: string): string {
  const requestDigest = verified.statement.subject[0].digest.sha256;
  const [id, by, about] = [actionId, agent, requestDigest].map((value) => pg.escapeLiteral(value));
  const row = [kind, actionId, verified.digest, JSON.stringify(envelope)]
    .map((value) => pg.escapeLiteral(value))
    .join();
  const insert = 'insert into countersign.statements (kind, action_id, digest, envelope)';
  if (kind === 'withdrawal')
    return `${insert} select ${row} from countersign.requests where action_id = ${id} and agent = ${by} and digest = ${about}
      on conflict (digest) do nothing`;
  const [asked, people] = [once?.digest ?? null, once?.onBehalfOf ?? null].map((value) =>
    value === null ? 'null' : pg.escapeLiteral(value),
  );
  return `with fresh as (
      insert into countersign.requests (action_id, agent, digest, asked_digest, on_behalf_of)
      select ${id}, ${by}, ${about}, ${asked}, ${people}
      ${once === null ? '' : `where not exists (${selectFirst(once, actionId)})`}
      on conflict (action_id) do nothing returning action_id)
    ${insert} select ${row} from fresh`;
}

/** People who are proven later would replace all whom the request barred until then, and with them who joined it meanwhile. */
function checkPeople(once: AskedOnce | null, request: RequestRow | undefined): void {
  if (once === null || once.onBehalfOf === null || request?.on_behalf_of === once.onBehalfOf) return;
  throw new Refusal(
    'action_id_spent',
    'The request came without these people’s tokens before: they count only when they come with it at first.',
    'prompterTokens',
  );
}

/** Why nothing was inserted. */
function refusalOf(
  kind: 'request' | 'withdrawal',
  actionId: string,
  agent: string,
  request: RequestRow | undefined,
): Refusal {
  if (kind === 'request')
    return new Refusal(
      'action_id_spent',
      `Action id ${actionId} is spent: another request holds it. Make a new id for a new action.`,
      'actionId',
    );
  if (request === undefined)
    return new Refusal('action_unknown', `There is no action ${actionId} on record.`, 'actionId');
  if (request.agent !== agent)
    return new Refusal(
      'forbidden',
      `Agent ${agent} cannot withdraw action ${actionId}: another agent asked for it.`,
      'agent',
    );
  return invalid('its subject is not the digest of the request');
}
