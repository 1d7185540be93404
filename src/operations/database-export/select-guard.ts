import { parse } from 'pgsql-parser';
import { Refusal } from '../../core/errors.js';
import { forbid, unitIndex } from './forbid.js';
import { QueryNames, type QueryName } from './query-names.js';
import { isTreeObject, listOf, nodeOf, type TreeObject } from './syntax-tree.js';

/** A query that passed the first wall, and what the second one must ask the server about. */
export interface GuardedSelect {
  /** The one SELECT, in the server's own parse tree. */
  tree: TreeObject;
  /** Everything written where a table may stand; names of WITH queries are among them. */
  relations: QueryName[];
  functions: QueryName[];
  /** Operators, without schema. */
  operators: string[];
  /** Types beyond the built-in list: only enums of the target pass the server's check. */
  types: QueryName[];
  /** `b` of every `a.b`: PostgreSQL reads it as the call `b(a)` when `a` has no such column. */
  fields: string[];
}

/**
 * The first wall: by the server's own grammar, one SELECT that only reads tables and calls listed functions.
 * The second wall is the server's, see `server-guard.ts` and `vault-role.ts`.
 * @throws Refusal `query_forbidden` with line and column, field `params.query`; `params_invalid` for the parameters.
 */
export async function guardSelect(
  query: string,
  parameterCount: number,
  allowedFunctions: readonly string[],
): Promise<GuardedSelect> {
  refuseHiddenCharacters(query);
  const tree = await parseOneSelect(query);
  const walk = new QueryNames(query, new Set(allowedFunctions));
  walk.into(tree);
  checkParameterNumbers(walk.parameters, parameterCount);
  const { relations, functions, operators, types, fields } = walk;
  return {
    tree,
    relations: distinct(relations),
    functions: distinct(functions),
    operators: [...operators].sort(),
    types: distinct(types),
    fields: [...fields].sort(),
  };
}

// People approve what they read: a bidirectional or invisible character could make that differ from what runs.
function refuseHiddenCharacters(query: string): void {
  const hidden = /[^\P{C}\t\n\r]|[\u2028\u2029]|\p{Cf}/u.exec(query);
  if (hidden === null) return;
  const code = (hidden[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  forbid(query, hidden.index, `the character U+${code} is invisible; pass it as a parameter`);
}

async function parseOneSelect(query: string): Promise<TreeObject> {
  let statements: TreeObject[];
  try {
    statements = listOf(((await parse(query)) as TreeObject)['stmts']);
  } catch (error) {
    const details: unknown = isTreeObject(error) ? error['sqlDetails'] : undefined;
    const position = isTreeObject(details) ? details['cursorPosition'] : undefined;
    // The parser counts characters (code points), we count UTF-16 units.
    const index = typeof position === 'number' ? Array.from(query).slice(0, position).join('').length : 0;
    forbid(query, index, error instanceof Error ? error.message : 'it cannot be parsed', error);
  }
  const [first, second] = statements;
  if (first === undefined) forbid(query, 0, 'it holds no statement');
  if (second !== undefined)
    forbid(query, unitIndex(query, second['stmt_location']), 'it holds more than one statement');
  const select = nodeOf(first['stmt'], 'SelectStmt');
  if (select === undefined)
    forbid(
      query,
      0,
      `it is not a SELECT but ${Object.keys(isTreeObject(first['stmt']) ? first['stmt'] : {})[0] ?? 'nothing'}`,
    );
  return { SelectStmt: select };
}

function checkParameterNumbers(used: ReadonlySet<number>, count: number): void {
  const highest = Math.max(0, ...used);
  if (used.has(0))
    throw new Refusal('params_invalid', 'The query uses $0; parameters count from $1.', 'params.parameters');
  if (highest === count && used.size === count) return;
  const asks =
    used.size === 0
      ? 'none'
      : [...used]
          .sort((a, b) => a - b)
          .map((number) => `$${String(number)}`)
          .join(', ');
  throw new Refusal(
    'params_invalid',
    `The query uses ${asks}, the request gives ${String(count)}: give one for each of $1, $2 …, and no more.`,
    'params.parameters',
  );
}

function distinct(names: readonly QueryName[]): QueryName[] {
  return [...new Map(names.map((name) => [JSON.stringify([name.schema, name.name]), name])).values()];
}
