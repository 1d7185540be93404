import type { Client } from 'pg';
import { Refusal } from '../../core/errors.js';
import { BUILT_IN_FUNCTIONS } from './allowed-functions.js';
import type { GuardedSelect } from './select-guard.js';

interface Finding {
  kind: 'function' | 'field' | 'operator' | 'cast' | 'type';
  name: string;
  oid: string;
  /** Null: not asked yet. */
  definer: boolean | null;
}

// Names alone do not tell what runs: overloads win by argument type, whatever the search path, and operators and casts
// are functions too. $1: operators; $2: one object of lists of the other names. Only what the query uses is asked: in a
// session this young, each further catalog and each further form of expression costs a good part of a millisecond.
const FUNCTIONS = `
  SELECT 'function' AS kind, n.nspname || '.' || p.proname AS name, p.oid::text AS oid, p.prosecdef AS definer
    FROM jsonb_to_recordset($2::jsonb -> 'functions') AS q(schema text, name text)
    JOIN pg_catalog.pg_proc p ON p.proname = q.name
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace AND n.nspname = coalesce(q.schema, 'public') AND n.nspname <> 'pg_catalog'`;
const FIELDS = `
  SELECT 'field' AS kind, n.nspname || '.' || p.proname AS name, p.oid::text AS oid, p.prosecdef AS definer
    FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace AND n.nspname IN ('pg_catalog', 'public')
    JOIN pg_catalog.pg_type t ON t.oid = p.proargtypes[0] AND t.typtype IN ('c', 'p', 'd')
   WHERE p.proname = ANY (ARRAY(SELECT jsonb_array_elements_text($2::jsonb -> 'fields'))) AND p.pronargs >= 1 AND p.pronargs - p.pronargdefaults <= 1`;
// Few targets have operators and casts of their own: whether those run with their owner's rights is asked apart.
const OPERATORS = `
  SELECT 'operator' AS kind, o.oprname AS name, unnest(ARRAY[o.oprcode::oid, o.oprrest, o.oprjoin])::text AS oid, NULL::bool AS definer
    FROM pg_catalog.pg_operator o
   WHERE o.oprnamespace = pg_catalog.to_regnamespace('public') AND o.oprname = ANY ($1::text[])`;
// PostgreSQL's own functions have oids below 16384 (its transam.h, FirstNormalObjectId), and none is SECURITY DEFINER.
const CASTS = `
  SELECT 'cast' AS kind, pg_catalog.format_type(c.castsource, NULL) || ' to ' || pg_catalog.format_type(c.casttarget, NULL) AS name, c.castfunc::text AS oid, NULL::bool AS definer
    FROM pg_catalog.pg_cast c WHERE c.castfunc >= 16384`;
const DEFINERS = 'SELECT p.oid::text AS oid FROM pg_catalog.pg_proc p WHERE p.oid = ANY ($1::oid[]) AND p.prosecdef';
const TYPES = `
  SELECT 'type' AS kind, coalesce(q.schema, 'public') || '.' || q.name AS name, '0' AS oid, false AS definer
    FROM jsonb_to_recordset($2::jsonb -> 'types') AS q(schema text, name text)
   WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
                      WHERE n.nspname = coalesce(q.schema, 'public') AND t.typname = q.name AND t.typtype = 'e')`;

/** The questions that a query raises. */
function questionsOf({ functions, fields, types }: GuardedSelect): string {
  return [
    ...(functions.length > 0 ? [FUNCTIONS] : []),
    ...(fields.length > 0 ? [FIELDS] : []),
    OPERATORS,
    CASTS,
    ...(types.length > 0 ? [TYPES] : []),
  ].join(' UNION ALL ');
}

/**
 * Asks the server what the query's names could mean there, before anything of it is planned (planning already evaluates
 * functions).
 * @returns oids of the functions outside `pg_catalog` that may run: part of the fingerprint.
 * @throws Refusal `query_forbidden` for a function that is not listed, and for SECURITY DEFINER even when it is listed.
 */
export async function guardOnServer(
  client: Client,
  select: GuardedSelect,
  allowedFunctions: readonly string[],
): Promise<string[]> {
  const { functions, fields, operators, types } = select;
  const others =
    functions.length + fields.length + types.length > 0 ? [JSON.stringify({ functions, fields, types })] : [];
  const { rows } = await client.query<Finding>(questionsOf(select), [operators, ...others]);
  const findings = await withDefiners(client, rows);
  const allowed = new Set(allowedFunctions);
  for (const finding of findings) {
    const because = refusalOf(finding, allowed);
    if (because !== null) throw new Refusal('query_forbidden', `The query may not run: ${because}.`, 'params.query');
  }
  const ofQuery = findings.filter(({ kind, name }) => kind !== 'cast' && !name.startsWith('pg_catalog.'));
  return [...new Set(ofQuery.map(({ oid }) => oid).filter((oid) => oid !== '0'))].sort();
}

async function withDefiners(client: Client, findings: Finding[]): Promise<Finding[]> {
  const open = findings.filter(({ definer }) => definer === null);
  if (open.length === 0) return findings;
  const { rows } = await client.query<Pick<Finding, 'oid'>>(DEFINERS, [open.map(({ oid }) => oid)]);
  const definers = new Set(rows.map(({ oid }) => oid));
  return findings.map((finding) => ({ ...finding, definer: finding.definer ?? definers.has(finding.oid) }));
}

function refusalOf({ kind, name, definer }: Finding, allowed: ReadonlySet<string>): string | null {
  switch (kind) {
    case 'function':
      if (!allowed.has(name))
        return `the target's own function ${name} could be called, and its allowedFunctions does not list it`;
      return definer ? `the function ${name} is SECURITY DEFINER: it would run with its owner's rights` : null;
    case 'field':
      if (name.startsWith('pg_catalog.'))
        return BUILT_IN_FUNCTIONS.has(name.slice('pg_catalog.'.length))
          ? null
          : `a field named like the function ${name} would call it`;
      if (!allowed.has(name))
        return `a field named like the function ${name} could call it, and allowedFunctions does not list it`;
      return definer ? `the function ${name} is SECURITY DEFINER: it would run with its owner's rights` : null;
    case 'operator':
      return definer
        ? `the operator ${name} has a form that is SECURITY DEFINER: it would run with its owner's rights`
        : null;
    case 'cast':
      return definer ? `the target has a SECURITY DEFINER cast (${name}), which any expression could use` : null;
    case 'type':
      return `the type ${name} is neither a built-in one nor an enum of the target`;
  }
}
