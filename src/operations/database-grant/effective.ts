import type { Client } from 'pg';
import { Refusal } from '../../core/errors.js';
import { granteesOf } from './difference.js';
import { PUBLIC, type Change } from './params.js';
import { isPredefined, rolesAbove, rolesBelow } from './roles.js';
import { aclsOf, keyOf, type GrantObject, type State } from './state.js';

/** A role's own privilege on something that the changes do not touch: what comes with a membership. */
export interface Holding {
  role: string;
  object: string;
  privilege: string;
}

/** One role, object and privilege; `public` is everyone. */
export interface Pair {
  role: string;
  object: string;
  privilege: string;
}

/** What roles may do afterwards and could not before, and the other way round; members of members included. */
export interface EffectiveChange {
  allowed: Pair[];
  lost: Pair[];
}

const MAX_HOLDINGS = 50_000;
const MAX_PAIRS = 200_000;
const EVERYTHING = 'everything, as owner';

/** Computes it for everyone who has the changed roles' privileges at hand. Superusers gain and lose nothing. */
export function effectiveChange(
  before: State,
  after: State,
  changes: readonly Change[],
  holdings: readonly Holding[],
): EffectiveChange {
  const had = createHeld(before, holdings);
  const has = createHeld(after, holdings);
  const found: EffectiveChange = { allowed: [], lost: [] };
  for (const role of affectedRoles(before, after, changes)) {
    const earlier = had(role);
    const later = has(role);
    found.allowed.push(...missingFrom(earlier, later, role));
    found.lost.push(...missingFrom(later, earlier, role));
    if (found.allowed.length + found.lost.length > MAX_PAIRS) {
      const most = MAX_PAIRS.toLocaleString('en-US');
      throw new Refusal(
        'change_forbidden',
        `The changes reach more than ${most} pairs of role and privilege.`,
        'params.changes',
      );
    }
  }
  return found;
}

/** Roles whose privileges at hand may change, `public` among them. */
function affectedRoles(before: State, after: State, changes: readonly Change[]): string[] {
  const reached = new Set<string>();
  for (const grantee of granteesOf(changes)) {
    if (grantee === PUBLIC) reached.add(grantee);
    else for (const state of [before, after]) for (const role of rolesBelow(state, grantee)) reached.add(role);
  }
  return [...reached].filter((role) => before.roles.get(role)?.superuser !== true).sort();
}

/** Roles whose own privileges must be known to tell what a change of membership means. */
export function rolesToAsk(before: State, after: State, changes: readonly Change[]): string[] {
  const hasMembership = changes.some((change) => change.do !== 'grant' && change.do !== 'revoke');
  if (!hasMembership) return [];
  const roles = affectedRoles(before, after, changes).filter((role) => role !== PUBLIC);
  return [...new Set(roles.flatMap((role) => [...rolesAbove(before, role), ...rolesAbove(after, role)]))];
}

type Held = Map<string, Set<string>>;

function createHeld(state: State, holdings: readonly Holding[]): (role: string) => Held {
  const own = ownPrivileges(state, holdings);
  return (role) => {
    const held: Held = new Map();
    const above = role === PUBLIC ? [PUBLIC] : [...rolesAbove(state, role), PUBLIC];
    for (const name of above) {
      for (const [object, privileges] of own.get(name) ?? []) {
        const known = held.get(object) ?? new Set<string>();
        for (const privilege of privileges) known.add(privilege);
        held.set(object, known);
      }
      if (isPredefined(name)) held.set(`predefined role ${name}`, new Set(['its rights']));
    }
    return held;
  };
}

/** Each role's own, by object. */
function ownPrivileges(state: State, holdings: readonly Holding[]): Map<string, Held> {
  const own = new Map<string, Held>();
  const note = (role: string, object: string, privilege: string): void => {
    const ofRole = own.get(role) ?? new Map<string, Set<string>>();
    ofRole.set(object, (ofRole.get(object) ?? new Set()).add(privilege));
    own.set(role, ofRole);
  };
  const touched = new Set(state.objects.flatMap((object) => aclsOf(object).map(({ key }) => key)));
  for (const { role, object, privilege } of holdings) if (!touched.has(object)) note(role, object, privilege);
  for (const object of state.objects) {
    note(object.owner, keyOf(object), EVERYTHING);
    for (const { key, acl } of aclsOf(object)) for (const item of acl) note(item.grantee, key, item.privilege);
  }
  return own;
}

function missingFrom(known: Held, held: Held, role: string): Pair[] {
  const pairs: Pair[] = [];
  for (const [object, privileges] of held)
    for (const privilege of privileges) if (!covers(known, object, privilege)) pairs.push({ role, object, privilege });
  return pairs;
}

/** A privilege on a table is one on each of its columns. */
function covers(held: Held, object: string, privilege: string): boolean {
  const on = (key: string): boolean => {
    const privileges = held.get(key);
    return privileges !== undefined && (privileges.has(privilege) || privileges.has(EVERYTHING));
  };
  return on(object) || (object.startsWith('column ') && on(tableOf(object)));
}

function tableOf(column: string): string {
  // The last name may be quoted and hold dots.
  return column.replace(/^column /, 'table ').replace(/\.(?:"(?:[^"]|"")*"|[^".]*)$/, '');
}

interface HeldRow {
  role: string;
  kind: GrantObject['kind'] | 'column' | 'database' | 'other';
  schema: string;
  name: string;
  detail: string;
  arguments: string[];
  privilege: string;
}

const grantee = `CASE WHEN a.grantee = 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(a.grantee) END`;
const isAsked = `(pg_catalog.pg_get_userbyid(a.grantee) = ANY ($1::text[]) OR (a.grantee = 0 AND n.nspname <> ALL ('{pg_catalog,information_schema}')))`;

// Lists that were written; an owner's own defaults come last. Each row is one role's own privilege.
const HOLDINGS = `
  SELECT ${grantee} AS role, CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END AS kind, n.nspname AS schema, c.relname AS name,
         '' AS detail, '[]'::json AS arguments, a.privilege_type AS privilege
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace, pg_catalog.aclexplode(c.relacl) a WHERE ${isAsked}
  UNION ALL
  SELECT ${grantee}, 'column', n.nspname, c.relname, t.attname, '[]', a.privilege_type
    FROM pg_catalog.pg_attribute t JOIN pg_catalog.pg_class c ON c.oid = t.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace,
         pg_catalog.aclexplode(t.attacl) a WHERE ${isAsked}
  UNION ALL
  SELECT ${grantee}, 'schema', n.nspname, '', '', '[]', a.privilege_type
    FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a WHERE ${isAsked}
  UNION ALL
  SELECT ${grantee}, 'function', n.nspname, p.proname, '',
         (SELECT coalesce(json_agg(pg_catalog.format_type(t, NULL) ORDER BY position), '[]') FROM unnest(p.proargtypes) WITH ORDINALITY AS q(t, position)),
         a.privilege_type
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace, pg_catalog.aclexplode(p.proacl) a WHERE ${isAsked}
  UNION ALL
  SELECT pg_catalog.pg_get_userbyid(a.grantee), 'database', '', d.datname, '', '[]', a.privilege_type
    FROM pg_catalog.pg_database d, pg_catalog.aclexplode(d.datacl) a WHERE pg_catalog.pg_get_userbyid(a.grantee) = ANY ($1::text[])`;

// Ownership, and privileges on what the lists above do not hold: types, languages, foreign servers, large objects.
const OTHERS = `
  SELECT r.rolname AS role, 'other' AS kind, '' AS schema, '' AS name,
         coalesce(pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid), 'something') AS detail, '[]'::json AS arguments,
         CASE d.deptype WHEN 'o' THEN '${EVERYTHING}' ELSE 'some privilege' END AS privilege
    FROM pg_catalog.pg_shdepend d JOIN pg_catalog.pg_roles r ON r.oid = d.refobjid
   WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND r.rolname = ANY ($1::text[])
     AND d.dbid IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
     AND (d.deptype = 'o' OR (d.deptype = 'a' AND d.classid NOT IN ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_namespace'::regclass,
          'pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_database'::regclass, 'pg_catalog.pg_auth_members'::regclass,
          'pg_catalog.pg_default_acl'::regclass)))`;

/** Reads what roles hold by themselves in this database. */
export async function readHoldings(client: Client, roles: readonly string[]): Promise<Holding[]> {
  if (roles.length === 0) return [];
  const rows: HeldRow[] = [];
  for (const text of [HOLDINGS, OTHERS]) {
    const answer = await client.query<HeldRow>(`${text} LIMIT ${String(MAX_HOLDINGS + 1)}`, [roles]);
    rows.push(...answer.rows);
  }
  if (rows.length > MAX_HOLDINGS) {
    const most = MAX_HOLDINGS.toLocaleString('en-US');
    throw new Refusal(
      'change_forbidden',
      `The roles hold more than ${most} privileges: too many to show.`,
      'params.changes',
    );
  }
  return rows.map((row) => ({ role: row.role, object: objectOf(row), privilege: row.privilege }));
}

function objectOf({ kind, schema, name, detail, arguments: types }: HeldRow): string {
  if (kind === 'other') return detail;
  if (kind === 'database') return `database ${name}`;
  const object = {
    oid: '',
    schema,
    name,
    arguments: types,
    definer: false,
    relkind: '',
    owner: '',
    acl: [],
    columns: [],
  };
  return kind === 'column' ? keyOf({ ...object, kind: 'table' }, detail) : keyOf({ ...object, kind });
}
