import type { Client } from 'pg';
import { digestOf, type Json } from '../../core/json.js';
import { FUNCTIONS, NAMED, PARTS, REACHED, type ColumnRow, type Part } from './definition-questions.js';
import type { QueryName } from './query-names.js';

/** A relation that the query reads, directly or through views and partitions. */
export interface Relation {
  oid: string;
  schema: string;
  name: string;
  /** False when only a view or a partitioned table leads to it. */
  direct: boolean;
  columns: { name: string; comment: string | null }[];
}

export interface Definitions {
  relations: Relation[];
  /** Digest of everything that decides what the query means; of no row. */
  digest: string;
}

/** Reads the definitions of all that the query touches, from the catalogs as they are now. */
export async function readDefinitions(
  client: Client,
  names: readonly QueryName[],
  functionOids: readonly string[],
): Promise<Definitions> {
  const direct = await readNamed(client, names);
  const reached = [...direct.values()].some(([first]) => first.leadsOn)
    ? byRelation((await client.query<ColumnRow>(REACHED, [[...direct.keys()]])).rows)
    : direct;
  const relations = [...reached.values()];
  const oids = [...reached.keys()];
  const parts = await readParts(client, relations, oids);
  const definitions = relations.map((rows) => definitionOf(rows, parts.get(rows[0].oid) ?? {}));
  const functions =
    functionOids.length > 0 || definitions.some(mayCallFunctions)
      ? await client.query<{ definition: Json }>(FUNCTIONS, [oids, functionOids])
      : { rows: [] };
  return {
    relations: relations.map((rows) => relationOf(rows, direct.has(rows[0].oid))),
    digest: digestOf({ relations: definitions, functions: functions.rows.map(({ definition }) => definition) }),
  };
}

/** The rows of one relation. */
type Rows = [ColumnRow, ...ColumnRow[]];

async function readNamed(client: Client, names: readonly QueryName[]): Promise<Map<string, Rows>> {
  if (names.length === 0) return new Map();
  const found = await client.query<ColumnRow>(NAMED, [
    names.map(({ schema }) => schema ?? 'public'),
    names.map(({ name }) => name),
  ]);
  return byRelation(found.rows);
}

function byRelation(rows: readonly ColumnRow[]): Map<string, Rows> {
  const relations = new Map<string, Rows>();
  for (const row of rows) {
    const known = relations.get(row.oid);
    if (known === undefined) relations.set(row.oid, [row]);
    // A query that writes a table both with and without its schema names it twice.
    else if (known.at(-1)?.column !== row.column) known.push(row);
  }
  return relations;
}

type Parts = Partial<Record<Part, Json>>;

/** Reads what only some relations have, if any of these has it; by relation. */
async function readParts(client: Client, relations: readonly Rows[], oids: string[]): Promise<Map<string, Parts>> {
  const has: Record<Part, (rows: Rows) => boolean> = {
    view: ([{ kind }]) => kind === 'v' || kind === 'm',
    partition: ([{ isPartition }]) => isPartition,
    foreign: ([{ kind }]) => kind === 'f',
    generated: (rows) => rows.some(({ isGenerated }) => isGenerated),
    policies: ([{ rowSecurity }]) => rowSecurity,
  };
  const asked = (Object.keys(PARTS) as Part[]).filter((part) => relations.some(has[part]));
  const parts = new Map<string, Parts>();
  if (asked.length === 0) return parts;
  const question = asked.map((part) => PARTS[part]).join(' UNION ALL ');
  const { rows } = await client.query<{ oid: string; part: Part; value: Json }>(question, [oids]);
  for (const { oid, part, value } of rows) parts.set(oid, { ...parts.get(oid), [part]: value });
  return parts;
}

function relationOf(rows: Rows, direct: boolean): Relation {
  const [{ oid, schema, name }] = rows;
  return {
    oid,
    schema,
    name,
    direct,
    columns: columnsOf(rows).map(({ column, comment }) => ({ name: column, comment })),
  };
}

/** Name, type, not null, collation, and the expression of a generated one. */
type ColumnDefinition = [string, string, boolean, string | null, string | null];

/** What a digest holds of a relation. */
interface RelationDefinition extends Pick<
  ColumnRow,
  'schema' | 'name' | 'kind' | 'owner' | 'options' | 'rowSecurity' | 'forceRowSecurity'
> {
  columns: ColumnDefinition[] | null;
  partition: Json;
  view: Json;
  foreign: Json;
  policies: Json;
}

function definitionOf(rows: Rows, parts: Parts): RelationDefinition {
  const [{ schema, name, kind, owner, options, rowSecurity, forceRowSecurity }] = rows;
  const { view = null, partition = null, foreign = null, policies = null } = parts;
  const generated = new Map(Object.entries((parts.generated ?? {}) as Record<string, string>));
  const columns = columnsOf(rows).map(({ column, type, notNull, collation }): ColumnDefinition => {
    return [column, type, notNull, collation, generated.get(column) ?? null];
  });
  return {
    ...{ schema, name, kind, owner, options, rowSecurity, forceRowSecurity },
    ...{ columns: columns.length === 0 ? null : columns, view, partition, foreign, policies },
  };
}

function columnsOf(rows: Rows): (ColumnRow & { column: string })[] {
  return rows.filter((row): row is ColumnRow & { column: string } => row.column !== null);
}

/** Whether reading it can run a function that the query does not name. */
function mayCallFunctions({ view, policies, columns }: RelationDefinition): boolean {
  return view !== null || policies !== null || (columns ?? []).some(([, , , , generated]) => generated !== null);
}
