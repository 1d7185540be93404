import type pg from 'pg';
import { digestOf } from '../../core/json.js';
import type { BegunEffect, RecentEffects } from '../effects.js';
import { allOf, latest } from '../record.js';
import { invalid } from '../verify-statement.js';
import { query } from './pool.js';
import { recordedFrom, STATEMENT_COLUMNS, type StatementRow, type Verify } from './statement-rows.js';

/** Indexes by the time of effects, for the record's migrations. */
export function effectTimesSql(): string {
  return `
  create index effects_by_time on countersign.effects (started_at);
  create index statements_effects_by_time on countersign.statements (recorded_at_ms) where kind = 'effect';`;
}

// By the row that lets an effect begin, and by the statement of it: whoever removes one of them hides nothing.
const BEGUN_SINCE = {
  name: 'effects-begun-since',
  text: `with now as (select (extract(epoch from statement_timestamp()) * 1000)::bigint at_ms),
    begun as (
      select action_id begun_action, min(began_at_ms) began_at_ms from (
        select action_id, (extract(epoch from started_at) * 1000)::bigint began_at_ms from countersign.effects
        where started_at > statement_timestamp() - $1::double precision * interval '1 millisecond'
        union all
        select action_id, recorded_at_ms from countersign.statements
        where kind = 'effect' and recorded_at_ms > (extract(epoch from statement_timestamp()) * 1000)::bigint - $1::bigint
      ) either group by action_id)
    select now.at_ms, begun.begun_action, begun.began_at_ms, ${STATEMENT_COLUMNS}
    from now left join begun on true
    left join countersign.statements s on s.action_id = begun.begun_action and s.kind in ('plan', 'claim', 'result')
    order by begun.began_at_ms, begun.begun_action, sequence`,
};

type EffectRow = StatementRow & { at_ms: string; begun_action: string | null; began_at_ms: string };

/** Effects that began within this long, as `Record.effectsWithin`. */
export async function readEffects(pool: pg.Pool, windowMs: number, verify: Verify): Promise<RecentEffects> {
  const rows = await query<EffectRow>(pool, BEGUN_SINCE, [windowMs]);
  const byAction = new Map<string, EffectRow[]>();
  for (const row of rows) {
    if (row.begun_action !== null) byAction.set(row.begun_action, [...(byAction.get(row.begun_action) ?? []), row]);
  }
  const begun = [...byAction].map(([actionId, own]) => begunEffect(actionId, own, verify));
  return { atMs: Number(rows[0]?.at_ms), begun };
}

function begunEffect(actionId: string, rows: readonly EffectRow[], verify: Verify): BegunEffect {
  const statements = rows
    .filter(({ digest }) => (digest as string | null) !== null)
    .map((row) => recordedFrom(row, verify));
  // Not by the agent's request: an agent that was removed since would leave nothing to count by.
  const claim = latest(statements, 'claim');
  const snapshot = allOf(statements, 'plan').findLast(({ body }) => body.actionDigest === claim?.body.actionDigest)
    ?.body.snapshot;
  // What is not on record cannot be counted, and nothing runs on a guess.
  if (claim === undefined || snapshot === undefined || digestOf(snapshot) !== claim.body.actionDigest)
    throw invalid(`the effect of action ${actionId} began, and what the executor had claimed is not on record`);
  const [result = null] = allOf(statements, 'result');
  if (result !== null && result.statement.subject[0].digest.sha256 !== claim.statement.subject[0].digest.sha256)
    throw invalid('a result is about another request');
  return { actionId, beganAtMs: Number(rows[0]?.began_at_ms), approved: snapshot, result };
}
