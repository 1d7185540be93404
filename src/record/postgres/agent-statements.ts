import pg from 'pg';
import type { Envelope } from '../../core/dsse.js';
import { Refusal } from '../../core/errors.js';
import type { Statement } from '../../core/schemas/statements.js';
import { invalid, type VerifiedStatement } from '../verify-statement.js';
import { runTransaction } from './pool.js';

interface RequestRow {
  agent: string;
  digest: string;
}

/** Inserts a request once per action id, or its agent's withdrawal, in one round trip. */
export async function insertAgentStatement(
  pool: pg.Pool,
  kind: 'request' | 'withdrawal',
  actionId: string,
  envelope: Envelope,
  { statement, digest }: VerifiedStatement,
): Promise<'new' | 'known'> {
  const { agent } = (statement as Statement<'request' | 'withdrawal'>).predicate.body;
  const requestDigest = statement.subject[0].digest.sha256;
  const [id, by, about] = [actionId, agent, requestDigest].map((value) => pg.escapeLiteral(value));
  const row = [kind, actionId, digest, JSON.stringify(envelope)].map((value) => pg.escapeLiteral(value)).join();
  const insert = 'insert into countersign.statements (kind, action_id, digest, envelope)';
  const lock = pg.escapeLiteral(`countersign.request/${actionId}`);
  const [, known, requested, inserted] = (await runTransaction(pool, [
    `select pg_advisory_xact_lock(hashtextextended(${lock}, 0))`,
    `select from countersign.statements where digest = ${pg.escapeLiteral(digest)}`,
    `select agent, digest from countersign.requests where action_id = ${id}`,
    kind === 'request'
      ? `with fresh as (
           insert into countersign.requests (action_id, agent, digest) values (${id}, ${by}, ${about})
           on conflict (action_id) do nothing returning action_id)
         ${insert} select ${row} from fresh`
      : `${insert} select ${row} from countersign.requests where action_id = ${id} and agent = ${by} and digest = ${about}
         on conflict (digest) do nothing`,
  ])) as [unknown, pg.QueryResult, pg.QueryResult<RequestRow>, pg.QueryResult];
  if (known.rowCount !== 0) return 'known';
  if (inserted.rowCount === 1) return 'new';
  throw refusalOf(kind, actionId, agent, requested.rows[0]);
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
