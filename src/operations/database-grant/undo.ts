import { GRANT_LIMITS, type Change } from './params.js';
import { simulate, type Granting } from './simulate.js';
import { aclsOf, copyOf, keyOf, type AclItem, type GrantObject, type Membership, type State } from './state.js';

/**
 * The changes that lead from one state back to another: only what differs. Empty when nothing does; null when PostgreSQL,
 * or our own rules, would not let it.
 */
export function changesBack(after: State, before: State, granting: Granting): Change[] | null {
  const back = changesBetween(after, before, granting.admin);
  try {
    const reached = simulate(copyOf(after), back, granting).after;
    // A privilege revoked on a table goes from its columns too: what they had before comes back.
    const rest = changesBetween(reached, before, granting.admin);
    const all = inRunningOrder([...back, ...rest]);
    const end = simulate(copyOf(after), all, granting).after;
    const isWhole = changesBetween(end, before, granting.admin).length === 0;
    return isWhole && all.length <= GRANT_LIMITS.changes ? all : null;
  } catch {
    return null;
  }
}

const ORDER: readonly Change['do'][] = [
  'create_role',
  'revoke',
  'revoke_membership',
  'grant_membership',
  'grant',
  'drop_role',
];

function inRunningOrder(changes: readonly Change[]): Change[] {
  return ORDER.flatMap((what) => changes.filter((change) => change.do === what));
}

function changesBetween(from: State, to: State, admin: string): Change[] {
  const made = [...to.roles.values()].filter(({ name }) => !from.roles.has(name));
  const gone = [...from.roles.keys()].filter((name) => !to.roles.has(name));
  return inRunningOrder([
    ...made.map(({ name, login }): Change => ({ do: 'create_role', role: name, login })),
    ...gone.map((name): Change => ({ do: 'drop_role', role: name })),
    ...membershipChanges(from, to, { admin, gone }),
    ...privilegeChanges(from, to),
  ]);
}

function membershipChanges(from: State, to: State, { admin, gone }: { admin: string; gone: string[] }): Change[] {
  const text = (row: Membership): string =>
    JSON.stringify([row.role, row.member, row.grantor, row.admin, row.inherit, row.set]);
  const pair = ({ role, member }: Membership): string => JSON.stringify([role, member]);
  const had = new Set(from.memberships.map(text));
  const has = new Set(to.memberships.map(text));
  // Our own membership in a role comes and goes with the role.
  const isOurs = ({ member, grantor }: Membership): boolean => member === admin && grantor !== admin;
  const given = to.memberships.filter((row) => !had.has(text(row)) && !isOurs(row));
  const pairs = new Set(to.memberships.map(pair));
  const taken = from.memberships.filter(
    (row) => !has.has(text(row)) && !pairs.has(pair(row)) && !gone.includes(row.role) && !gone.includes(row.member),
  );
  return [
    ...given.map((row): Change => ({
      do: 'grant_membership',
      role: row.role,
      to: row.member,
      admin: row.admin,
      inherit: row.inherit,
      set: row.set,
    })),
    ...taken.map((row): Change => ({ do: 'revoke_membership', role: row.role, from: row.member })),
  ];
}

type Kind = 'grant' | 'grant_with_option' | 'revoke' | 'revoke_option';

interface Difference {
  kind: Kind;
  grantee: string;
  privilege: string;
}

/** Differences of one list, by what undoes them. */
function listDifference(from: readonly AclItem[], to: readonly AclItem[]): Difference[] {
  const same = (one: AclItem, other: AclItem): boolean =>
    one.grantee === other.grantee && one.grantor === other.grantor && one.privilege === other.privilege;
  const wanted = to.flatMap((item): Difference[] => {
    const present = from.find((other) => same(item, other));
    if (present?.grantable === item.grantable) return [];
    const { grantee, privilege } = item;
    if (present?.grantable === true) return [{ kind: 'revoke_option', grantee, privilege }];
    return [{ kind: item.grantable ? 'grant_with_option' : 'grant', grantee, privilege }];
  });
  const unwanted = from
    .filter((item) => !to.some((other) => same(item, other)))
    .map(({ grantee, privilege }): Difference => ({ kind: 'revoke', grantee, privilege }));
  return [...wanted, ...unwanted];
}

interface Group {
  kind: Kind;
  grantee: string;
  privileges: string[];
  object: GrantObject;
  /** Null: the object itself. */
  columns: string[] | null;
  names: string[];
}

function privilegeChanges(from: State, to: State): Change[] {
  const groups = new Map<string, Group>();
  for (const object of to.objects) {
    const other = from.objects.find((candidate) => keyOf(candidate) === keyOf(object));
    const others = other === undefined ? [] : aclsOf(other);
    for (const { key, column, acl } of aclsOf(object)) {
      const difference = listDifference(others.find((list) => list.key === key)?.acl ?? [], acl);
      for (const one of byGrantee(difference)) addToGroups(groups, { ...one, object, column });
    }
  }
  return [...groups.values()].map(toChange);
}

function byGrantee(difference: readonly Difference[]): { kind: Kind; grantee: string; privileges: string[] }[] {
  const found = new Map<string, { kind: Kind; grantee: string; privileges: string[] }>();
  for (const { kind, grantee, privilege } of difference) {
    const id = JSON.stringify([kind, grantee]);
    const one = found.get(id) ?? { kind, grantee, privileges: [] };
    one.privileges.push(privilege);
    found.set(id, one);
  }
  return [...found.values()].map((one) => ({ ...one, privileges: one.privileges.sort() }));
}

interface Entry {
  kind: Kind;
  grantee: string;
  privileges: string[];
  object: GrantObject;
  column: string | null;
}

/** Objects of one kind and schema with the same difference make one change; so do columns of one table. */
function addToGroups(groups: Map<string, Group>, { kind, grantee, privileges, object, column }: Entry): void {
  const place =
    column === null && object.kind !== 'function'
      ? [object.kind, object.kind === 'schema' ? '' : object.schema]
      : [keyOf(object), column !== null];
  const id = JSON.stringify([kind, grantee, privileges, place]);
  const group = groups.get(id) ?? {
    kind,
    grantee,
    privileges,
    object,
    columns: column === null ? null : [],
    names: [],
  };
  group.columns?.push(column ?? '');
  group.names.push(object.kind === 'schema' ? object.schema : object.name);
  groups.set(id, group);
}

function toChange({ kind, grantee, privileges, object, columns, names }: Group): Change {
  const on = placeOf(object, columns, names);
  switch (kind) {
    case 'grant':
      return { do: 'grant', privileges, on, to: grantee };
    case 'grant_with_option':
      return { do: 'grant', privileges, on, to: grantee, grantOption: true };
    case 'revoke':
      return { do: 'revoke', privileges, on, from: grantee };
    case 'revoke_option':
      return { do: 'revoke', privileges, on, from: grantee, grantOptionOnly: true };
  }
}

function placeOf(
  object: GrantObject,
  columns: string[] | null,
  names: string[],
): Extract<Change, { do: 'grant' }>['on'] {
  const { kind, schema, name } = object;
  if (columns !== null) return { kind: 'columns', schema, table: name, columns };
  switch (kind) {
    case 'schema':
      return { kind, schemas: names };
    case 'table':
      return { kind, schema, tables: names };
    case 'sequence':
      return { kind, schema, sequences: names };
    case 'function':
      return { kind, schema, function: name, arguments: object.arguments };
  }
}
