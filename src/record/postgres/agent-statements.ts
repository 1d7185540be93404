import pg from 'pg';
import type { Envelope } from '../../core/dsse.js';
import { Refusal } from '../../core/errors.js';
import type { Statement } from '../../core/schemas/statements.js';
import { invalid, type VerifiedStatement } from '../verify-statement.js';

/** Inserts a request once per action id, or its agent's withdrawal, in a transaction that it begins; the caller commits. */
export async function insertAgentStatement(
  client: pg.PoolClient,
  kind: 'request' | 'withdrawal',
  actionId: string,
  envelope: Envelope,
  { statement, digest }: VerifiedStatement,
): Promise<'new' | 'known'> {
  const lock = pg.escapeLiteral(`countersign.request/${actionId}`);
  await client.query(`begin; select pg_advisory_xact_lock(hashtextextended(${lock}, 0))`);
  const known = await client.query('select from countersign.statements where digest = $1', [digest]);
  if (known.rowCount !== 0) return 'known';
  const { agent } = (statement as Statement<'request' | 'withdrawal'>).predicate.body;
  const requestDigest = statement.subject[0].digest.sha256;
  const { rows } = await client.query<{ agent: string; digest: string }>(
    'select agent, digest from countersign.requests where action_id = $1',
    [actionId],
  );
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
