import type { Client } from 'pg';
import { Refusal } from '../../core/errors.js';
import { BUILT_IN_FUNCTIONS } from './allowed-functions.js';
import type { GuardedSelect } from './select-guard.js';

interface Finding {
  kind: 'function' | 'field' | 'operator' | 'cast' | 'type';
  name: string;
  oid: string;
  definer: boolean;
}

// Names alone do not tell what runs: overloads win by argument type, whatever the search path, and operators and casts
// are functions too. $1 $2: schemas and names of functions; $3 fields; $4 operators; $5 $6 schemas and names of types.
const FINDINGS = `
  SELECT 'function' AS kind, n.nspname || '.' || p.proname AS name, p.oid::text AS oid, p.prosecdef AS definer
    FROM unnest($1::text[], $2::text[]) AS q(s, f)
    JOIN pg_catalog.pg_proc p ON p.proname = q.f
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace AND n.nspname = coalesce(q.s, 'public') AND n.nspname <> 'pg_catalog'
  UNION ALL
  SELECT 'field', n.nspname || '.' || p.proname, p.oid::text, p.prosecdef
    FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace AND n.nspname IN ('pg_catalog', 'public')
    JOIN pg_catalog.pg_type t ON t.oid = p.proargtypes[0] AND t.typtype IN ('c', 'p', 'd')
   WHERE p.proname = ANY ($3::text[]) AND p.pronargs >= 1 AND p.pronargs - p.pronargdefaults <= 1
  UNION ALL
  SELECT 'operator', o.oprname, p.oid::text, p.prosecdef
    FROM pg_catalog.pg_operator o
    JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace AND n.nspname = 'public'
    JOIN pg_catalog.pg_proc p ON p.oid IN (o.oprcode, o.oprrest, o.oprjoin)
   WHERE o.oprname = ANY ($4::text[])
  UNION ALL
  SELECT 'cast', pg_catalog.format_type(c.castsource, NULL) || ' to ' || pg_catalog.format_type(c.casttarget, NULL), p.oid::text, p.prosecdef
    FROM pg_catalog.pg_cast c JOIN pg_catalog.pg_proc p ON p.oid = c.castfunc WHERE p.prosecdef
  UNION ALL
  SELECT 'type', coalesce(q.s, 'public') || '.' || q.t, '0', false
    FROM unnest($5::text[], $6::text[]) AS q(s, t)
   WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
                      WHERE n.nspname = coalesce(q.s, 'public') AND t.typname = q.t AND t.typtype = 'e')`;

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
  const { rows } = await client.query<Finding>(FINDINGS, [
    functions.map(({ schema }) => schema),
    functions.map(({ name }) => name),
    fields,
    operators,
    types.map(({ schema }) => schema),
    types.map(({ name }) => name),
  ]);
  const allowed = new Set(allowedFunctions);
  for (const finding of rows) {
    const because = refusalOf(finding, allowed);
    if (because !== null) throw new Refusal('query_forbidden', `The query may not run: ${because}.`, 'params.query');
  }
  return [
    ...new Set(rows.filter(({ oid, name }) => oid !== '0' && !name.startsWith('pg_catalog.')).map(({ oid }) => oid)),
  ].sort();
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
      return `the target has a SECURITY DEFINER cast (${name}), which any expression could use`;
    case 'type':
      return `the type ${name} is neither a built-in one nor an enum of the target`;
  }
}
