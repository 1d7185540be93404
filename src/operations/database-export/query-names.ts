import { BUILT_IN_FUNCTIONS, BUILT_IN_TYPES } from './allowed-functions.js';
import { forbid, unitIndex } from './forbid.js';
import { isTreeObject, listOf, namesOf, nodeOf, textOf, type TreeObject } from './syntax-tree.js';

/** A name as the query writes it; `schema` is null when it is left to the search path. */
export interface QueryName {
  schema: string | null;
  name: string;
}

// What may occur at all: a node that is not listed here is refused, so that new grammar does not pass unseen.
const ALLOWED_NODES: ReadonlySet<string> = new Set(
  (
    'SelectStmt ResTarget ColumnRef A_Star A_Const String Integer Float Boolean BitString ParamRef A_Expr BoolExpr NullTest ' +
    'BooleanTest SubLink CaseExpr CaseWhen CoalesceExpr MinMaxExpr FuncCall NamedArgExpr TypeCast TypeName A_Indirection ' +
    'A_Indices A_ArrayExpr RowExpr SQLValueFunction CollateClause SortBy WindowDef GroupingSet GroupingFunc RangeVar ' +
    'JoinExpr RangeSubselect RangeFunction ColumnDef CommonTableExpr List'
  ).split(' '),
);

// Fields that hold a node without its type.
const ALLOWED_FIELDS: ReadonlySet<string> = new Set(
  'larg rarg withClause alias join_using_alias typeName over search_clause cycle_clause collClause ival fval sval bsval boolval'.split(
    ' ',
  ),
);

const REFUSED_WORDS: Readonly<Record<string, string>> = {
  intoClause: 'INTO would write a table',
  LockingClause: 'FOR UPDATE and FOR SHARE would lock rows',
  InsertStmt: 'INSERT would write',
  UpdateStmt: 'UPDATE would write',
  DeleteStmt: 'DELETE would write',
  MergeStmt: 'MERGE would write',
};

const CLOCKS: ReadonlySet<string> = new Set(
  'DATE TIME TIME_N TIMESTAMP TIMESTAMP_N LOCALTIME LOCALTIME_N LOCALTIMESTAMP LOCALTIMESTAMP_N'
    .split(' ')
    .map((name) => `SVFOP_${name.startsWith('LOCAL') ? name : `CURRENT_${name}`}`),
);

/** Walks a parse tree, refuses what an export may not use, and collects the names that the server must be asked about. */
export class QueryNames {
  readonly relations: QueryName[] = [];
  readonly functions: QueryName[] = [];
  // Comparisons that the server looks up unasked: in IN, BETWEEN, CASE, NULLIF, joins by USING.
  readonly operators = new Set<string>(['=', '<>', '<', '>', '<=', '>=']);
  readonly types: QueryName[] = [];
  readonly fields = new Set<string>();
  readonly parameters = new Set<number>();
  readonly #query: string;
  readonly #allowed: ReadonlySet<string>;

  constructor(query: string, allowedFunctions: ReadonlySet<string>) {
    this.#query = query;
    this.#allowed = allowedFunctions;
  }

  into(value: unknown, near = 0): void {
    if (Array.isArray(value)) for (const item of value) this.into(item, near);
    if (!isTreeObject(value)) return;
    const here = typeof value['location'] === 'number' && value['location'] >= 0 ? value['location'] : near;
    for (const [key, content] of Object.entries(value)) {
      if (typeof content !== 'object' || content === null) continue;
      this.#look(key, content as TreeObject, here);
      this.into(content, here);
    }
  }

  #look(key: string, content: TreeObject, near: number): void {
    const location = content['location'];
    const at = typeof location === 'number' && location >= 0 ? location : near;
    const refused = REFUSED_WORDS[key];
    if (refused !== undefined) this.#forbid(at, refused);
    const isNode = /^[A-Z]/.test(key);
    if (
      isNode ? !ALLOWED_NODES.has(key) : !Array.isArray(content) && !ALLOWED_FIELDS.has(key) && !holdsOneNode(content)
    ) {
      this.#forbid(at, `${key} is not among what an export may use`);
    }
    if (key === 'FuncCall') this.#call(content, at);
    else if (key === 'RangeVar') this.#relation(content, at);
    else if (key === 'TypeName' || key === 'typeName') this.#type(content, at);
    else if (key === 'ParamRef') this.parameters.add(Number(content['number'] ?? 0));
    else if (key === 'ColumnRef') this.#column(content);
    else if (key === 'A_Indirection') this.#indirection(content, at);
    else if (key === 'SQLValueFunction' && !CLOCKS.has(textOf(content['op'])))
      this.#forbid(at, 'names of users, roles and schemas of the session may not be read');
    this.#operator(key, content, at);
  }

  #call(call: TreeObject, at: number): void {
    const { schema, name } = this.#qualified(call['funcname'], at);
    const shown = schema === null ? name : `${schema}.${name}`;
    const isBuiltIn = (schema === null || schema === 'pg_catalog') && BUILT_IN_FUNCTIONS.has(name);
    if (!isBuiltIn && !this.#allowed.has(schema === null ? `public.${name}` : shown)) {
      this.#forbid(at, `the function ${shown} is not on the list of allowed functions`);
    }
    // allowedFunctions is for the target's own functions: listing one of the server's does not open it.
    if (schema === 'pg_catalog' && !isBuiltIn)
      this.#forbid(at, `the function ${shown} is not on the list of allowed functions`);
    this.functions.push({ schema, name });
  }

  #relation(relation: TreeObject, at: number): void {
    const schema = textOf(relation['schemaname']) || null;
    const name = textOf(relation['relname']);
    if (textOf(relation['catalogname']) !== '') this.#forbid(at, 'a table of another database may not be read');
    // Unqualified pg_… names lead to the catalogs, which are always on the search path.
    if (schema === null ? name.startsWith('pg_') : /^(pg_|information_schema$)/.test(schema)) {
      this.#forbid(at, `the system catalog ${schema === null ? name : `${schema}.${name}`} may not be read`);
    }
    this.relations.push({ schema, name });
  }

  #type(type: TreeObject, at: number): void {
    const { schema, name } = this.#qualified(type['names'], at);
    if (type['setof'] === true || type['pct_type'] === true) this.#forbid(at, 'SETOF and %TYPE may not be used');
    if ((schema === null || schema === 'pg_catalog') && BUILT_IN_TYPES.has(name)) return;
    if (schema === 'pg_catalog' || /^(reg|pg_)/.test(name)) this.#forbid(at, `the type ${name} may not be used`);
    this.types.push({ schema, name });
  }

  #column(column: TreeObject): void {
    const names = namesOf(column['fields']);
    const last = names.at(-1);
    if (names.length > 1 && last !== undefined && last !== '*') this.fields.add(last);
  }

  #indirection(indirection: TreeObject, at: number): void {
    // `(x).f` is the call f(x): `select (9::float8).pg_sleep` waits nine seconds.
    for (const step of listOf(indirection['indirection'])) {
      if (nodeOf(step, 'A_Indices') === undefined)
        this.#forbid(at, 'a field of an expression, (…).name, may not be read');
    }
  }

  #operator(key: string, content: TreeObject, at: number): void {
    const field = { A_Expr: 'name', SubLink: 'operName', SortBy: 'useOp' }[key];
    if (field === undefined || content[field] === undefined) return;
    const names = namesOf(content[field]);
    if (names.length > 1 && names[0] !== 'pg_catalog')
      this.#forbid(at, `the operator ${names.join('.')} names a schema`);
    // BETWEEN carries a word here; its comparisons are in the set already.
    const operator = names.at(-1) ?? '';
    if (!/^[a-z]/i.test(operator)) this.operators.add(operator);
  }

  #qualified(value: unknown, at: number): QueryName {
    const names = namesOf(value);
    const [first = '', second] = names;
    if (names.length > 2) this.#forbid(at, `the name ${names.join('.')} has too many parts`);
    return second === undefined ? { schema: null, name: first } : { schema: first, name: second };
  }

  #forbid(byteOffset: number, because: string): never {
    forbid(this.#query, unitIndex(this.#query, byteOffset), because);
  }
}

function holdsOneNode(content: TreeObject): boolean {
  const keys = Object.keys(content);
  return keys.length === 1 && /^[A-Z]/.test(keys[0] ?? '');
}
