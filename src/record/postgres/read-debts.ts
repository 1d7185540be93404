import type pg from 'pg';
import { Refusal } from '../../core/errors.js';
import { debtOf, GLASS_KEY_END, type Debt } from '../debts.js';
import { allOf, type AnyRecorded, type DebtList } from '../record.js';
import { invalid } from '../verify-statement.js';
import { query } from './pool.js';
import { recordedFrom, STATEMENT_COLUMNS, type StatementRow, type Verify } from './statement-rows.js';
import { verifyNewest } from './verify-chain.js';

/**
 * More than the executors state in the time within which the ledger is compared with the record: what was removed from before
 * that has raised an alarm.
 */
const CHAINED = 5_000;

// By the claim that opened a debt, and by the decisions that led to it: whoever removes one of them hides nothing. Whether it
// began is asked of the executor's own rows besides.
const BROKEN = {
  name: 'broken-glasses',
  text: `with broken as (
      select distinct action_id from countersign.statements
      where kind in ('claim', 'decision') and key like '%${GLASS_KEY_END}' and action_id is not null
    )
    select broken.action_id broken_action,
      exists (select from countersign.effects e where e.action_id = broken.action_id)
        or exists (select from countersign.leases l where l.action_id = broken.action_id and l.purpose = 'execute') began,
      ${STATEMENT_COLUMNS.split(', ')
        .map((column) => `s.${column}`)
        .join(', ')}
    from broken left join countersign.statements s on s.action_id = broken.action_id
      and s.kind in ('decision', 'plan', 'claim', 'lease', 'effect', 'result', 'retrospective')
    order by s.sequence`,
};

type BrokenRow = StatementRow & { broken_action: string; began: boolean };

/** What is owed for broken glasses, as `Record.debts`. */
export async function readDebts(
  pool: pg.Pool,
  { chained = false }: { chained?: boolean },
  verify: Verify,
): Promise<DebtList> {
  const [rows, gap] = await Promise.all([query<BrokenRow>(pool, BROKEN, []), chained ? gapIn(pool) : null]);
  const byAction = new Map<string, BrokenRow[]>();
  for (const row of rows) byAction.set(row.broken_action, [...(byAction.get(row.broken_action) ?? []), row]);
  const list: DebtList = { debts: [], unreadable: [], gap };
  for (const [actionId, own] of byAction) {
    const debt = debtFrom(actionId, own, verify);
    if (debt instanceof Refusal) list.unreadable.push(actionId);
    else if (debt !== null && debt.open.length > 0) list.debts.push(debt);
  }
  return list;
}

/** One that was tampered with must not hide the others. */
function debtFrom(actionId: string, rows: readonly BrokenRow[], verify: Verify): Debt | Refusal | null {
  try {
    const statements = rows
      .filter(({ digest }) => (digest as string | null) !== null)
      .map((row) => recordedFrom(row, verify));
    const subjects = new Set(statements.map(({ statement }) => statement.subject[0].digest.sha256));
    if (subjects.size > 1) throw invalid(`statements of action ${actionId} are about several requests`);
    requireClaims(actionId, statements, rows[0]?.began === true);
    return debtOf(statements);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'statement_invalid') return error;
    throw error;
  }
}

/** Whatever began was claimed before: a claim that is gone is not one that says nothing of a broken glass. */
function requireClaims(actionId: string, statements: readonly AnyRecorded[], began: boolean): void {
  const attempts = new Set(allOf(statements, 'claim').map(({ body }) => body.attempt));
  const isLeased = allOf(statements, 'lease').some(({ body }) => body.purpose === 'execute');
  const hasEnded = allOf(statements, 'result').length > 0;
  const effects = allOf(statements, 'effect').map(({ body }) => body.attempt);
  const isGone =
    ((began || isLeased || hasEnded) && attempts.size === 0) || effects.some((attempt) => !attempts.has(attempt));
  if (isGone)
    throw invalid(`the glass was broken for action ${actionId}, and what the executor claimed is not on record`);
}

async function gapIn(pool: pg.Pool): Promise<string | null> {
  const { faults } = await verifyNewest(pool, 'executor', CHAINED);
  const [first] = faults;
  return first === undefined ? null : `statement ${String(first.number)} of the executor is ${first.kind}`;
}
