import pg from 'pg';
import type { Envelope } from '../../core/dsse.js';
import { Refusal } from '../../core/errors.js';
import type { Statement } from '../../core/schemas/statements.js';
import { invalid, type VerifiedStatement } from '../verify-statement.js';

interface RequestRow {
  agent: string;
  digest: string;
}

/** Inserts a request once per action id, or its agent's withdrawal, in a transaction that it begins; the caller commits. */
export async function insertAgentStatement(
  client: pg.PoolClient,
  kind: 'request' | 'withdrawal',
  actionId: string,
  envelope: Envelope,
  { statement, digest }: VerifiedStatement,
): Promise<'new' | 'known'> {
  const lock = pg.escapeLiteral(`countersign.request/${actionId}`);
  const id = pg.escapeLiteral(actionId);
  // One round trip. The lock is a statement of its own: the next ones then see what its last holder committed.
  const answers: unknown = await client.query(`begin isolation level read committed;
    select pg_advisory_xact_lock(hashtextextended(${lock}, 0));
    select from countersign.statements where digest = ${pg.escapeLiteral(digest)};
    select agent, digest from countersign.requests where action_id = ${id}`);
  const [, , known, { rows }] = answers as [unknown, unknown, pg.QueryResult, pg.QueryResult<RequestRow>];
  if (known.rowCount !== 0) return 'known';
  const { agent } = (statement as Statement<'request' | 'withdrawal'>).predicate.body;
  const requestDigest = statement.subject[0].digest.sha256;
  const [request] = rows;
  if (kind === 'request') {
    if (request !== undefined)
      throw new Refusal(
        'action_id_spent',
        `Action id ${actionId} is spent: another request holds it. Make a new id for a new action.`,
        'actionId',
      );
    await client.query('insert into countersign.requests (action_id, agent, digest) values ($1, $2, $3)', [
      actionId,
      agent,
      requestDigest,
    ]);
  } else {
    if (request === undefined)
      throw new Refusal('action_unknown', `There is no action ${actionId} on record.`, 'actionId');
    if (request.agent !== agent)
      throw new Refusal(
        'forbidden',
        `Agent ${agent} cannot withdraw action ${actionId}: another agent asked for it.`,
        'agent',
      );
    if (request.digest !== requestDigest) throw invalid('its subject is not the digest of the request');
  }
  await client.query('insert into countersign.statements (kind, action_id, digest, envelope) values ($1, $2, $3, $4)', [
    kind,
    actionId,
    digest,
    JSON.stringify(envelope),
  ]);
  return 'new';
}
