/** What PostgreSQL's catalogs are asked about relations, and the shape of its answers. */

/** A column, and what stands in pg_class of its relation. A relation without columns has one row, without a column. */
export interface ColumnRow {
  oid: string;
  schema: string;
  name: string;
  kind: string;
  owner: string;
  options: string[] | null;
  rowSecurity: boolean;
  forceRowSecurity: boolean;
  isPartition: boolean;
  /** Whether rules or children may lead on to other relations: PostgreSQL itself looks for none where its flags say no. */
  leadsOn: boolean;
  column: string | null;
  type: string;
  notNull: boolean;
  collation: string | null;
  isGenerated: boolean;
  comment: string | null;
}

// A session this young pays for each catalog and each form of expression it meets for the first time, mostly in planning.
// So what every query needs is asked plainly, and the rest only of relations that say they have it, by the flags that
// PostgreSQL itself goes by: a policy of a table whose row security is off decides nothing.
const columnsFrom = (source: string): string => `
  SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind, pg_catalog.pg_get_userbyid(c.relowner) AS owner, c.reloptions AS options,
    c.relrowsecurity AS "rowSecurity", c.relforcerowsecurity AS "forceRowSecurity", c.relispartition AS "isPartition", c.relhasrules OR c.relhassubclass AS "leadsOn",
    a.attname AS column, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS "notNull", a.attcollation::regcollation::text AS collation,
    a.attgenerated <> '' AS "isGenerated", d.description AS comment
  FROM ${source} JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_description d ON d.objoid = a.attrelid AND d.classoid = 'pg_catalog.pg_class'::regclass AND d.objsubid = a.attnum
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')`;
const IN_ORDER = 'ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C", a.attnum';

// $1: schemas, $2: names.
export const NAMED = `${columnsFrom('unnest($1::text[], $2::text[]) AS q(s, r) JOIN pg_catalog.pg_class c ON c.relname = q.r')} AND n.nspname = q.s ${IN_ORDER}`;

// $1: relations. What a view reads stands in pg_depend, under its rewrite rule; partitions and children in pg_inherits.
export const REACHED = `
  WITH RECURSIVE reached(oid) AS (
    SELECT unnest($1::text[]::oid[])
    UNION SELECT l.oid FROM reached CROSS JOIN LATERAL (
      SELECT d.refobjid FROM pg_catalog.pg_rewrite r
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass
       WHERE r.ev_class = reached.oid
      UNION ALL SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = reached.oid
    ) AS l(oid)
  ) ${columnsFrom('reached JOIN pg_catalog.pg_class c ON c.oid = reached.oid')} ${IN_ORDER}`;

// $1: relations. Generated columns: an object of expressions by name.
export const PARTS = {
  view: `SELECT c.oid::text AS oid, 'view' AS part, to_json(pg_catalog.pg_get_viewdef(c.oid)) AS value
    FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1::text[]::oid[]) AND c.relkind IN ('v', 'm')`,
  partition: `SELECT c.oid::text AS oid, 'partition' AS part, to_json(pg_catalog.pg_get_expr(c.relpartbound, c.oid)) AS value
    FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1::text[]::oid[]) AND c.relispartition`,
  foreign: `SELECT f.ftrelid::text AS oid, 'foreign' AS part, json_build_array(s.srvname, s.srvoptions, f.ftoptions) AS value
    FROM pg_catalog.pg_foreign_table f JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = ANY ($1::text[]::oid[])`,
  generated: `SELECT a.attrelid::text AS oid, 'generated' AS part, json_object_agg(a.attname, pg_catalog.pg_get_expr(d.adbin, d.adrelid)) AS value
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = ANY ($1::text[]::oid[]) AND a.attgenerated <> '' AND NOT a.attisdropped GROUP BY a.attrelid`,
  policies: `SELECT p.polrelid::text AS oid, 'policies' AS part, json_agg(json_build_array(p.polname, p.polcmd, p.polpermissive,
      (SELECT json_agg(pg_catalog.pg_get_userbyid(r) ORDER BY r) FROM unnest(p.polroles) r), pg_catalog.pg_get_expr(p.polqual, p.polrelid)) ORDER BY p.polname) AS value
    FROM pg_catalog.pg_policy p WHERE p.polrelid = ANY ($1::text[]::oid[]) GROUP BY p.polrelid`,
};
export type Part = keyof typeof PARTS;

// $1: relations; $2: functions of the query. Functions of views, policies and generated columns stand in pg_depend.
export const FUNCTIONS = `
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
