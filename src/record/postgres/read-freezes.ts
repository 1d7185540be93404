import type pg from 'pg';
import { Refusal } from '../../core/errors.js';
import type { AnyRecorded, IncidentFilter, IncidentPage, Recorded } from '../record.js';
import { query } from './pool.js';
import { recordedFrom, STATEMENT_COLUMNS, type StatementRow, type Verify } from './statement-rows.js';

const FREEZES_OF = {
  name: 'freezes-of-agent',
  text: `with frozen as materialized (select * from countersign.statements where kind = 'freeze' and key = $1)
    select ${STATEMENT_COLUMNS} from frozen
    union all
    select ${STATEMENT_COLUMNS} from countersign.statements
    where kind = 'unfreeze' and action_id in (select action_id from frozen)
    order by sequence`,
};

/** All freezes of an agent, and what was stated to lift them, oldest first; every signature is verified. */
export async function readFreezes(pool: pg.Pool, agent: string, verify: Verify): Promise<AnyRecorded[]> {
  const rows = await query<StatementRow>(pool, FREEZES_OF, [agent]);
  return rows.map((row) => recordedFrom(row, verify));
}

const INCIDENTS = {
  name: 'incidents',
  text: `select ${STATEMENT_COLUMNS} from countersign.statements s
    where kind = 'incident' and ($1::bigint is null or sequence < $1)
      and ($2::text is null or exists (select from countersign.requests r where r.action_id = s.action_id and r.agent = $2))
    order by sequence desc limit $3`,
};

/** Incidents, newest first. One that was tampered with does not hide the others. */
export async function readIncidents(
  pool: pg.Pool,
  { agent, before, limit }: IncidentFilter,
  verify: Verify,
): Promise<IncidentPage> {
  const rows = await query<StatementRow>(pool, INCIDENTS, [before ?? null, agent ?? null, limit]);
  const page: IncidentPage = { incidents: [], unreadable: [], next: null };
  for (const row of rows) {
    try {
      page.incidents.push(recordedFrom(row, verify) as Recorded<'incident'>);
    } catch (error) {
      if (!(error instanceof Refusal && error.code === 'statement_invalid')) throw error;
      page.unreadable.push(row.action_id ?? '');
    }
  }
  const last = rows.at(-1);
  return { ...page, next: rows.length < limit || last === undefined ? null : Number(last.sequence) };
}
