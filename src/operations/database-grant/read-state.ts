import type { Client } from 'pg';
import { Refusal } from '../../core/errors.js';
import { GRANT_LIMITS, type Change, type Place } from './params.js';
import type { AclItem, Column, GrantObject, Membership, Role, State } from './state.js';

const MAX_ROLES = 20_000;

const ROLES = `
  SELECT r.oid::text, rolname AS name, rolsuper AS superuser, rolcreaterole AS "createRole", rolcreatedb AS "createDatabase",
         rolreplication AS replication, rolbypassrls AS "bypassRls", rolcanlogin AS login,
         (SELECT count(*)::int FROM pg_catalog.pg_shdepend d
           WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.refobjid = r.oid AND d.deptype = 'o') AS owns
    FROM pg_catalog.pg_roles r`;

const MEMBERSHIPS = `
  SELECT pg_catalog.pg_get_userbyid(roleid) AS role, pg_catalog.pg_get_userbyid(member) AS member,
         pg_catalog.pg_get_userbyid(grantor) AS grantor, admin_option AS admin, inherit_option AS inherit, set_option AS set
    FROM pg_catalog.pg_auth_members`;

// Entries as JSON. A list that was never written means the default of its kind.
const entries = (acl: string): string => `
  (SELECT coalesce(json_agg(json_build_object(
      'grantee', CASE WHEN a.grantee = 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(a.grantee) END,
      'grantor', pg_catalog.pg_get_userbyid(a.grantor), 'privilege', a.privilege_type, 'grantable', a.is_grantable)), '[]')
     FROM pg_catalog.aclexplode(${acl}) a)`;

const SCHEMAS = `
  SELECT 'schema' AS kind, n.oid::text, n.nspname AS schema, '' AS name, '[]'::json AS arguments, false AS definer, '' AS relkind,
         pg_catalog.pg_get_userbyid(n.nspowner) AS owner,
         ${entries("coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))")} AS acl, '[]'::json AS columns
    FROM pg_catalog.pg_namespace n WHERE n.nspname = ANY ($1::text[])`;

// $1 $2: schemas and names; $3: schemas of which all tables are meant.
const RELATIONS = `
  SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END AS kind, c.oid::text, n.nspname AS schema, c.relname AS name,
         '[]'::json AS arguments, false AS definer, c.relkind::text AS relkind, pg_catalog.pg_get_userbyid(c.relowner) AS owner,
         ${entries("coalesce(c.relacl, pg_catalog.acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\", c.relowner))")} AS acl,
         CASE c.relkind WHEN 'S' THEN '[]'::json ELSE
           (SELECT coalesce(json_agg(json_build_object('name', a.attname, 'comment', pg_catalog.col_description(c.oid, a.attnum),
                'acl', ${entries('a.attacl')}) ORDER BY a.attnum), '[]')
              FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) END AS columns
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE (c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
          AND EXISTS (SELECT FROM unnest($1::text[], $2::text[]) AS q(s, r) WHERE q.s = n.nspname AND q.r = c.relname))
      OR (c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname = ANY ($3::text[]))
   ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"`;

const FUNCTIONS = `
  SELECT 'function' AS kind, p.oid::text, n.nspname AS schema, p.proname AS name, p.prosecdef AS definer, '' AS relkind,
         (SELECT coalesce(json_agg(pg_catalog.format_type(t, NULL) ORDER BY position), '[]')
            FROM unnest(p.proargtypes) WITH ORDINALITY AS q(t, position)) AS arguments,
         pg_catalog.pg_get_userbyid(p.proowner) AS owner,
         ${entries("coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))")} AS acl, '[]'::json AS columns
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
   WHERE EXISTS (SELECT FROM unnest($1::text[], $2::text[]) AS q(s, f) WHERE q.s = n.nspname AND q.f = p.proname)
   ORDER BY n.nspname COLLATE "C", p.proname COLLATE "C", p.proargtypes::text`;

// What DROP ROLE would stumble over; memberships go with the role.
const USES = `
  SELECT r.rolname AS role, d.objid::text AS oid, d.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) AS here,
         d.deptype::text AS type,
         CASE WHEN d.dbid IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
              THEN pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)
              ELSE 'something in database ' || coalesce((SELECT datname FROM pg_catalog.pg_database WHERE oid = d.dbid), '?') END AS what
    FROM pg_catalog.pg_shdepend d JOIN pg_catalog.pg_roles r ON r.oid = d.refobjid
   WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND r.rolname = ANY ($1::text[]) AND d.deptype <> 'o'
     AND d.classid <> 'pg_catalog.pg_auth_members'::regclass`;

/**
 * Reads all roles and memberships, and the objects that the changes name, from the catalogs as they are now.
 * Every login may: no right on any object is needed.
 */
export async function readState(client: Client, changes: readonly Change[]): Promise<State> {
  const places = changes.flatMap((change) => (change.do === 'grant' || change.do === 'revoke' ? [change.on] : []));
  const objects = [
    ...(await client.query<GrantObject>(SCHEMAS, [schemasOf(places)])).rows,
    ...(await readRelations(client, places)),
    ...(await readFunctions(client, places)),
  ].map(sorted);
  const roles = (await client.query<Omit<Role, 'usedBy'>>(ROLES)).rows;
  if (roles.length > MAX_ROLES)
    throw new Refusal('change_forbidden', `The server has more than ${MAX_ROLES.toLocaleString('en-US')} roles.`);
  const state: State = {
    roles: new Map(roles.map((role) => [role.name, { ...role, usedBy: [] }])),
    memberships: (await client.query<Membership>(MEMBERSHIPS)).rows,
    objects,
    bootstrap: roles.find(({ oid }) => oid === '10')?.name ?? 'postgres',
  };
  await readUses(client, state, changes);
  return state;
}

function schemasOf(places: readonly Place[]): string[] {
  return [...new Set(places.flatMap((place) => (place.kind === 'schema' ? place.schemas : [])))];
}

async function readRelations(client: Client, places: readonly Place[]): Promise<GrantObject[]> {
  const names = places.flatMap((place) => {
    switch (place.kind) {
      case 'table':
        return place.tables.map((name) => [place.schema, name] as const);
      case 'columns':
        return [[place.schema, place.table] as const];
      case 'sequence':
        return place.sequences.map((name) => [place.schema, name] as const);
      case 'schema':
      case 'function':
      case 'all_tables':
        return [];
    }
  });
  const whole = places.flatMap((place) => (place.kind === 'all_tables' ? [place.schema] : []));
  if (names.length === 0 && whole.length === 0) return [];
  const { rows } = await client.query<GrantObject>(RELATIONS, [
    names.map(([schema]) => schema),
    names.map(([, name]) => name),
    whole,
  ]);
  if (rows.length > GRANT_LIMITS.names) {
    const most = GRANT_LIMITS.names.toLocaleString('en-US');
    throw new Refusal(
      'change_forbidden',
      `The changes touch more than ${most} tables and sequences.`,
      'params.changes',
    );
  }
  return rows;
}

async function readFunctions(client: Client, places: readonly Place[]): Promise<GrantObject[]> {
  const wanted = places.filter((place) => place.kind === 'function');
  if (wanted.length === 0) return [];
  const { rows } = await client.query<GrantObject>(FUNCTIONS, [
    wanted.map(({ schema }) => schema),
    wanted.map((place) => place.function),
  ]);
  return rows;
}

async function readUses(client: Client, state: State, changes: readonly Change[]): Promise<void> {
  const dropped = changes.flatMap((change) => (change.do === 'drop_role' ? [change.role] : []));
  if (dropped.length === 0) return;
  const touched = new Set(state.objects.map(({ oid }) => oid));
  const { rows } = await client.query<{ role: string; oid: string; here: boolean; type: string; what: string | null }>(
    USES,
    [dropped],
  );
  // Privileges on touched objects are judged after the changes before the drop.
  for (const { role, oid, here, type, what } of rows)
    if (!(here && type === 'a' && touched.has(oid))) state.roles.get(role)?.usedBy.push(what ?? 'something');
}

/** Lists in one order: they are compared. */
function sorted(object: GrantObject): GrantObject {
  const columns = object.columns.map((column: Column) => ({ ...column, acl: inOrder(column.acl) }));
  return { ...object, acl: inOrder(object.acl), columns };
}

/** Entries in one order, whatever order they were written in. */
export function inOrder(acl: readonly AclItem[]): AclItem[] {
  const name = ({ grantee, privilege, grantor }: AclItem): string => JSON.stringify([grantee, privilege, grantor]);
  return [...acl].sort((one, other) => (name(one) < name(other) ? -1 : 1));
}
