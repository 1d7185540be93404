import { PUBLIC } from './params.js';
import type { Membership, Role, State } from './state.js';

type Edge = Pick<Membership, 'inherit' | 'set'>;

/** By inheriting, or by SET ROLE: either way the privileges are at hand. */
const AT_HAND = ({ inherit, set }: Edge): boolean => inherit || set;

/** Only what is inherited counts where PostgreSQL asks whether a role may act for an owner. */
const INHERITED = ({ inherit }: Edge): boolean => inherit;

/** The role and all roles whose privileges it has at hand. */
export function rolesAbove({ memberships }: State, role: string): Set<string> {
  return reach(role, memberships, (row) => (AT_HAND(row) ? { from: row.member, to: row.role } : null));
}

/** The role and all roles that have its privileges at hand. */
export function rolesBelow({ memberships }: State, role: string): Set<string> {
  return reach(role, memberships, (row) => (AT_HAND(row) ? { from: row.role, to: row.member } : null));
}

/** The role and all roles whose privileges it inherits. */
export function inheritedBy({ memberships }: State, role: string): Set<string> {
  return reach(role, memberships, (row) => (INHERITED(row) ? { from: row.member, to: row.role } : null));
}

/** The role and all roles that it is a member of, whatever the options: what PostgreSQL judges circles by. */
export function memberOf({ memberships }: State, role: string): Set<string> {
  return reach(role, memberships, (row) => ({ from: row.member, to: row.role }));
}

function reach(
  start: string,
  memberships: readonly Membership[],
  edgeOf: (row: Membership) => { from: string; to: string } | null,
): Set<string> {
  const next = new Map<string, string[]>();
  for (const row of memberships) {
    const edge = edgeOf(row);
    if (edge !== null) next.set(edge.from, [...(next.get(edge.from) ?? []), edge.to]);
  }
  const reached = new Set([start]);
  for (const role of reached) for (const to of next.get(role) ?? []) reached.add(to);
  return reached;
}

/** Whether a role has more than privileges: no list of grants says what it may do. */
export function isMighty({ superuser, createRole, replication, bypassRls }: Role): boolean {
  return superuser || createRole || replication || bypassRls;
}

/** PostgreSQL's own roles; see https://www.postgresql.org/docs/17/predefined-roles.html. */
export function isPredefined(role: string): boolean {
  return role.startsWith('pg_');
}

/**
 * Roles that Countersign itself stands on: the role it grants as, Vault's login there (whoever may hand that role out),
 * all that this login hands out (readers, witnesses, leased users), and those that the target's entry protects.
 */
export function rolesOfCountersign(state: State, admin: string, protectedRoles: readonly string[]): Set<string> {
  const adminsOf = (role: string): string[] =>
    state.memberships.filter((row) => row.role === role && row.admin).map(({ member }) => member);
  const logins = adminsOf(admin).filter((login) => state.roles.get(login)?.superuser !== true);
  const handedOut = state.memberships.filter((row) => row.admin && logins.includes(row.member)).map(({ role }) => role);
  const named = [...state.roles.keys()].filter(
    (role) => role.startsWith('countersign') || protectedRoles.some((pattern) => matches(role, pattern)),
  );
  return new Set([admin, ...logins, ...handedOut, ...named]);
}

/** Whether a role's name is what an entry of `protectedRoles` means. */
export function matches(role: string, pattern: string): boolean {
  return pattern.endsWith('*') ? role.startsWith(pattern.slice(0, -1)) : role === pattern;
}

/** Whether somebody is meant by a name: everyone, or a role. */
export function isKnown(state: State, grantee: string): boolean {
  return grantee === PUBLIC || state.roles.has(grantee);
}
