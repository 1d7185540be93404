import type pg from 'pg';
import { Refusal } from '../../core/errors.js';
import type { FreezeScope } from '../../core/schemas/statements.js';
import { LIFTERS_OF_A_PERSONS_FREEZE, wordOfScope } from '../freezes.js';
import type { AnyRecorded, FreezeList, IncidentFilter, IncidentPage, Recorded } from '../record.js';
import { FROZEN_WORD, LIFTED_WORD } from './freezes-by-people-table.js';
import { query } from './pool.js';
import { readOrRefuse, recordedFrom, STATEMENT_COLUMNS, type StatementRow, type Verify } from './statement-rows.js';

/** Freezes that come from an expression called `frozen`, and what was stated to lift them. */
const WITH_LIFTS = `
    select ${STATEMENT_COLUMNS} from frozen
    union all
    select ${STATEMENT_COLUMNS} from countersign.statements
    where kind = 'unfreeze' and action_id in (select action_id from frozen)
    union all
    select ${STATEMENT_COLUMNS} from countersign.statements
    where kind = 'unfreeze' and action_id is null and ${LIFTED_WORD} in (select digest from frozen where action_id is null)
    order by sequence`;

// One query: it is asked before each request, and before each effect.
const FREEZES_OF = {
  name: 'freezes-of-scopes',
  text: `with frozen as materialized (
      select * from countersign.statements where kind = 'freeze' and key = $1
      union all
      select * from countersign.statements where kind = 'freeze' and action_id is null and ${FROZEN_WORD} = any($2)
    )${WITH_LIFTS}`,
};

/** All freezes of one of these scopes, and what was stated to lift them, oldest first; every signature is verified. */
export async function readFreezes(
  pool: pg.Pool,
  scopes: readonly FreezeScope[],
  verify: Verify,
): Promise<AnyRecorded[]> {
  // The key of a freeze by the executor is its agent.
  const agent = scopes.find((scope) => scope.kind === 'agent')?.agent ?? null;
  const rows = await query<StatementRow>(pool, FREEZES_OF, [agent, scopes.map(wordOfScope)]);
  return rows.map((row) => recordedFrom(row, verify));
}

// Each costs a look at a signature; whoever lists them wants those that are not lifted.
const MAX_LISTED = 1_000;

// Of older ones, those that fewer people lifted than must: by columns that nobody signed, which narrow what is listed, not
// what is frozen.
const NEWEST_FREEZES = {
  name: 'newest-freezes',
  text: `with newest as materialized (
      select * from countersign.statements where kind = 'freeze' order by sequence desc limit ${String(MAX_LISTED)}
    ), frozen as materialized (
      select * from newest
      union all
      (select * from countersign.statements f where kind = 'freeze' and sequence < (select min(sequence) from newest)
        and case when action_id is null
          then (select count(distinct split_part(key, '/', 2)) from countersign.statements u
            where kind = 'unfreeze' and action_id is null and ${LIFTED_WORD} = f.digest) < ${String(LIFTERS_OF_A_PERSONS_FREEZE)}
          else not exists (select from countersign.statements u where kind = 'unfreeze' and u.action_id = f.action_id) end
        order by sequence desc limit ${String(MAX_LISTED)})
    )${WITH_LIFTS}`,
};

/**
 * The newest 1,000 freezes of whatever scope, of older ones the newest 1,000 that are not lifted, and what was stated to
 * lift them, oldest first.
 */
export async function readNewestFreezes(pool: pg.Pool, verify: Verify): Promise<FreezeList> {
  const list: FreezeList = { statements: [], unreadable: [] };
  for (const row of await query<StatementRow>(pool, NEWEST_FREEZES, [])) {
    const read = readOrRefuse(row, verify);
    if (read instanceof Refusal) list.unreadable.push(row.digest);
    else list.statements.push(read);
  }
  return list;
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
    const read = readOrRefuse(row, verify);
    if (read instanceof Refusal) page.unreadable.push(row.action_id ?? '');
    else page.incidents.push(read as Recorded<'incident'>);
  }
  const last = rows.at(-1);
  return { ...page, next: rows.length < limit || last === undefined ? null : Number(last.sequence) };
}
