import type { Client } from 'pg';
import { digestOf, type Json } from '../../core/json.js';
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

interface RelationRow extends Relation {
  definition: {
    view: string | null;
    policies: Json;
    /** Name, type, not null, collation, and the expression of a generated one. */
    columns: [string, string, boolean, string | null, string | null][] | null;
    [part: string]: Json;
  };
}

// $1: schemas, $2: names. What a view reads stands in pg_depend, under its rewrite rule; partitions and children in
// pg_inherits.
const CLOSURE = `
  WITH RECURSIVE direct(oid) AS (
    SELECT c.oid FROM unnest($1::text[], $2::text[]) AS q(s, r)
      JOIN pg_catalog.pg_class c ON c.relname = q.r AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = coalesce(q.s, 'public')
  ), leads(from_oid, to_oid) AS (
    SELECT r.ev_class, d.refobjid FROM pg_catalog.pg_rewrite r
      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass
    UNION SELECT inhparent, inhrelid FROM pg_catalog.pg_inherits
  ), reached(oid) AS (
    SELECT oid FROM direct UNION SELECT l.to_oid FROM reached JOIN leads l ON l.from_oid = reached.oid
  )
  SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS name, c.oid IN (SELECT oid FROM direct) AS direct,
    coalesce((SELECT json_agg(json_build_object('name', a.attname, 'comment', (SELECT d.description FROM pg_catalog.pg_description d
        WHERE d.objoid = a.attrelid AND d.classoid = 'pg_catalog.pg_class'::regclass AND d.objsubid = a.attnum)) ORDER BY a.attnum)
       FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]') AS columns,
    json_build_object(
      'schema', n.nspname, 'name', c.relname, 'kind', c.relkind, 'owner', pg_catalog.pg_get_userbyid(c.relowner), 'options', c.reloptions,
      'rowSecurity', c.relrowsecurity, 'forceRowSecurity', c.relforcerowsecurity, 'partition', pg_catalog.pg_get_expr(c.relpartbound, c.oid),
      'view', CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(c.oid) END,
      'foreign', (SELECT json_build_array(s.srvname, s.srvoptions, f.ftoptions) FROM pg_catalog.pg_foreign_table f JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = c.oid),
      'columns', (SELECT json_agg(json_build_array(a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attcollation::regcollation::text,
           CASE WHEN a.attgenerated <> '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END) ORDER BY a.attnum)
         FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
      'policies', (SELECT json_agg(json_build_array(p.polname, p.polcmd, p.polpermissive, (SELECT json_agg(pg_catalog.pg_get_userbyid(r) ORDER BY r) FROM unnest(p.polroles) r),
           pg_catalog.pg_get_expr(p.polqual, p.polrelid)) ORDER BY p.polname) FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid)
    ) AS definition
  FROM reached JOIN pg_catalog.pg_class c ON c.oid = reached.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"`;

// $1: relations; $2: functions of the query. Functions of views, policies and generated columns stand in pg_depend.
const FUNCTIONS = `
  SELECT json_build_array(n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid), pg_catalog.pg_get_function_result(p.oid),
      pg_catalog.pg_get_userbyid(p.proowner), l.lanname, p.prosecdef, p.provolatile, p.prokind, p.proconfig, p.prosrc, p.probin,
      pg_catalog.pg_get_function_sqlbody(p.oid)) AS definition
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace JOIN pg_catalog.pg_language l ON l.oid = p.prolang
  WHERE n.nspname <> 'pg_catalog' AND p.oid IN (
    SELECT unnest($2::text[]::oid[])
    UNION SELECT d.refobjid FROM pg_catalog.pg_depend d WHERE d.refclassid = 'pg_catalog.pg_proc'::regclass AND (
      (d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid IN (SELECT r.oid FROM pg_catalog.pg_rewrite r WHERE r.ev_class = ANY ($1::text[]::oid[])))
      OR (d.classid = 'pg_catalog.pg_policy'::regclass AND d.objid IN (SELECT p.oid FROM pg_catalog.pg_policy p WHERE p.polrelid = ANY ($1::text[]::oid[])))
      OR (d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid IN (SELECT a.oid FROM pg_catalog.pg_attrdef a WHERE a.adrelid = ANY ($1::text[]::oid[])))))
  ORDER BY n.nspname COLLATE "C", p.proname COLLATE "C", pg_catalog.pg_get_function_identity_arguments(p.oid) COLLATE "C"`;

/** Reads the definitions of all that the query touches, from the catalogs as they are now. */
export async function readDefinitions(
  client: Client,
  names: readonly QueryName[],
  functionOids: readonly string[],
): Promise<Definitions> {
  const reached = await client.query<RelationRow>(CLOSURE, [
    names.map(({ schema }) => schema),
    names.map(({ name }) => name),
  ]);
  const functions =
    functionOids.length > 0 || reached.rows.some(mayCallFunctions)
      ? await client.query<{ definition: Json }>(FUNCTIONS, [reached.rows.map(({ oid }) => oid), functionOids])
      : { rows: [] };
  return {
    relations: reached.rows.map(({ oid, schema, name, direct: isDirect, columns }) => ({
      oid,
      schema,
      name,
      direct: isDirect,
      columns,
    })),
    digest: digestOf({
      relations: reached.rows.map(({ definition }) => definition),
      functions: functions.rows.map(({ definition }) => definition),
    }),
  };
}

/** Whether reading it can run a function that the query does not name. */
function mayCallFunctions({ definition: { view, policies, columns } }: RelationRow): boolean {
  return view !== null || policies !== null || (columns ?? []).some(([, , , , generated]) => generated !== null);
}
