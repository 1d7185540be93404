import type { Relation } from './definitions.js';
import { isTreeObject, listOf, namesOf, nodeOf, textOf, visitNodes, type TreeObject } from './syntax-tree.js';

/** A relation and the columns of it that the query reads. */
export interface Touched {
  relation: Relation;
  columns: string[];
}

/**
 * Which columns a query reads. Where SQL leaves it open (same names in several tables, renamed columns, whole rows,
 * views) all candidates count: a risk may be shown that is none, never the other way round.
 */
export function touchedColumns(tree: TreeObject, relations: readonly Relation[]): Touched[] {
  const names = collectNames(tree, relations);
  return relations.map((relation) => {
    // Through a view, all of what lies behind it counts.
    const isWhole = !relation.direct || names.whole.has(relation.name);
    return {
      relation,
      columns: relation.columns.map(({ name }) => name).filter((name) => isWhole || names.columns.has(name)),
    };
  });
}

/** Tables that some SELECT of the query reads without a condition on its rows; names of WITH queries are not among them. */
export function unfilteredTables(tree: TreeObject, relations: readonly Relation[]): string[] {
  const known = new Set(relations.filter(({ direct }) => direct).map(({ name }) => name));
  const unfiltered = new Set<string>();
  visitNodes(tree, (tag, select) => {
    if (tag !== 'SelectStmt' || isCondition(select['whereClause'])) return;
    for (const { name } of tablesOf(select['fromClause'])) if (known.has(name)) unfiltered.add(name);
  });
  return [...unfiltered].sort();
}

/** Whether any star stands for columns; that of `count(*)` does not. */
export function hasStar(tree: TreeObject): boolean {
  const last = new Set<string | undefined>();
  visitNodes(tree, (tag, column) => {
    if (tag === 'ColumnRef') last.add(namesOf(column['fields']).at(-1));
  });
  return last.has('*');
}

interface Names {
  columns: Set<string>;
  /** Relations of which every column counts. */
  whole: Set<string>;
}

function collectNames(tree: TreeObject, relations: readonly Relation[]): Names {
  const names: Names = { columns: new Set(), whole: new Set() };
  const byAlias = new Map<string, Set<string>>();
  const everything = relations.map(({ name }) => name);
  const known = new Set(relations.flatMap(({ columns }) => columns.map(({ name }) => name)));
  visitNodes(tree, (tag, node) => {
    if (tag === 'RangeVar') {
      const table = tableOf(node);
      byAlias.set(table.alias, (byAlias.get(table.alias) ?? new Set()).add(table.name));
      if (table.isRenamed) names.whole.add(table.name);
    } else if (tag === 'JoinExpr') {
      for (const name of namesOf(node['usingClause'])) names.columns.add(name);
      if (node['isNatural'] === true) for (const name of everything) names.whole.add(name);
    }
  });
  visitNodes(tree, (tag, node) => {
    if (tag === 'SelectStmt') addStarsOf(node, names, byAlias, everything);
    if (tag !== 'ColumnRef') return;
    for (const part of namesOf(node['fields'])) {
      names.columns.add(part);
      // A table's name where a column could stand is its whole row, and `t.f` may be the call f(t).
      const isRow = namesOf(node['fields']).at(-1) === part ? true : !known.has(namesOf(node['fields']).at(-1) ?? '');
      if (isRow && namesOf(node['fields']).at(-1) !== '*')
        for (const name of byAlias.get(part) ?? []) names.whole.add(name);
    }
  });
  return names;
}

// A star that stands anywhere in a SELECT, but not in one nested in it, is resolved by that SELECT's own FROM.
function addStarsOf(
  select: TreeObject,
  names: Names,
  byAlias: Map<string, Set<string>>,
  everything: readonly string[],
): void {
  visitNodes(select['targetList'], (tag, column) => {
    if (tag !== 'ColumnRef') return;
    const fields = namesOf(column['fields']);
    if (fields.at(-1) !== '*') return;
    const qualifier = fields.at(-2);
    const tables =
      qualifier === undefined
        ? tablesOf(select['fromClause']).map(({ name }) => name)
        : (byAlias.get(qualifier) ?? starFallback(select, qualifier, everything));
    for (const name of tables) names.whole.add(name);
  });
}

// `s.*` of a nested SELECT is covered by what that SELECT itself names; any other unknown alias is taken for everything.
function starFallback(select: TreeObject, qualifier: string, everything: readonly string[]): readonly string[] {
  const nested = new Set<string>();
  visitNodes(select['fromClause'], (tag, node) => {
    if (tag === 'RangeSubselect') nested.add(aliasOf(node).name);
  });
  return nested.has(qualifier) ? [] : everything;
}

interface TableInFrom {
  name: string;
  alias: string;
  isRenamed: boolean;
}

function tableOf(rangeVar: TreeObject): TableInFrom {
  const name = textOf(rangeVar['relname']);
  const alias = aliasOf(rangeVar);
  return { name, alias: alias.name || name, isRenamed: alias.renamesColumns };
}

function aliasOf(node: TreeObject): { name: string; renamesColumns: boolean } {
  const alias = node['alias'];
  if (!isTreeObject(alias)) return { name: '', renamesColumns: false };
  return { name: textOf(alias['aliasname']), renamesColumns: listOf(alias['colnames']).length > 0 };
}

function tablesOf(from: unknown): TableInFrom[] {
  const items: unknown[] = Array.isArray(from) ? from : [from];
  return items.flatMap((item) => {
    const table = nodeOf(item, 'RangeVar');
    if (table !== undefined) return [tableOf(table)];
    const join = nodeOf(item, 'JoinExpr');
    return join === undefined ? [] : [...tablesOf(join['larg']), ...tablesOf(join['rarg'])];
  });
}

// `WHERE true` and `WHERE 1 = 1` filter nothing.
function isCondition(where: unknown): boolean {
  const tags = new Set<string>();
  visitNodes(where, (tag) => tags.add(tag));
  return tags.has('ColumnRef');
}
