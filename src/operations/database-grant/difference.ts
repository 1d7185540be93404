import { digestOf, type Json } from '../../core/json.js';
import { PUBLIC, type Change } from './params.js';
import { inOrder } from './read-state.js';
import { aclsOf, granteeName, keyOf, plain, type Membership, type State } from './state.js';

/** One line of the normalised diff: `+`, `-`, or a blank for what stays. */
export interface DiffLine {
  sign: '+' | '-' | ' ';
  text: string;
}

/** Privileges, memberships and roles against what they will be: by entry, not by text. What stays is shown for the grantees concerned. */
export function diffOf(before: State, after: State, changes: readonly Change[]): DiffLine[] {
  const grantees = granteesOf(changes);
  const kept = (grantee: string): boolean => grantees.has(grantee);
  const lines = [
    ...compare(roleLines(before), roleLines(after), () => false),
    ...compare(membershipLines(before), membershipLines(after), kept),
    ...compare(aclLines(before), aclLines(after), kept),
  ];
  return lines;
}

type Lines = Map<string, string>;

function compare(before: Lines, after: Lines, kept: (grantee: string) => boolean): DiffLine[] {
  const texts = [...new Set([...before.keys(), ...after.keys()])].sort();
  return texts.flatMap((text): DiffLine[] => {
    if (!after.has(text)) return [{ sign: '-', text }];
    if (!before.has(text)) return [{ sign: '+', text }];
    return kept(before.get(text) ?? '') ? [{ sign: ' ', text }] : [];
  });
}

function roleLines({ roles }: State): Lines {
  return new Map(
    [...roles.values()].map(({ name, login }) => [`role ${plain(name)}${login ? ' (may log in)' : ''}`, name]),
  );
}

function membershipLines({ memberships }: State): Lines {
  return new Map(memberships.map((row) => [membershipText(row), row.member]));
}

function membershipText({ role, member, grantor, admin, inherit, set }: Membership): string {
  const options = [admin ? 'ADMIN' : '', inherit ? 'INHERIT' : '', set ? 'SET' : ''].filter((option) => option !== '');
  return `membership of ${plain(member)} in ${plain(role)} with ${options.join(', ') || 'no option'}, by ${plain(grantor)}`;
}

function aclLines({ objects }: State): Lines {
  const lines: Lines = new Map();
  for (const object of objects) {
    for (const { key, acl } of aclsOf(object)) {
      for (const { grantee, grantor, privilege, grantable } of acl) {
        const option = grantable ? ' WITH GRANT OPTION' : '';
        lines.set(`${key}: ${privilege} to ${granteeName(grantee)}${option}, by ${plain(grantor)}`, grantee);
      }
    }
  }
  return lines;
}

/** Roles whose privileges or memberships the changes are about. */
export function granteesOf(changes: readonly Change[]): Set<string> {
  return new Set(
    changes.map((change) => {
      switch (change.do) {
        case 'grant':
        case 'grant_membership':
          return change.to;
        case 'revoke':
        case 'revoke_membership':
          return change.from;
        case 'create_role':
        case 'drop_role':
          return change.role;
      }
    }),
  );
}

/** Everything the changes touch, as it stands: equal digests, equal state. Without identities: a new role has none before. */
export function digestOfTouched(state: State, changes: readonly Change[]): string {
  return digestOf(touched(state, changes, false));
}

/** The same with the identity of each object and role: a table dropped and made again under its name is another. */
export function fingerprintParts(state: State, changes: readonly Change[]): Json {
  return touched(state, changes, true);
}

function touched({ roles, memberships, objects }: State, changes: readonly Change[], identities: boolean): Json {
  const named = new Set(changes.flatMap((change) => rolesNamed(change)));
  return {
    objects: objects.map((object) => ({
      key: keyOf(object),
      owner: object.owner,
      definer: object.definer,
      ...(identities ? { oid: object.oid } : {}),
      lists: aclsOf(object).map(({ key, acl }) => ({ key, acl: inOrder(acl).map((item) => ({ ...item })) })),
    })),
    roles: [...named].sort().map((name) => {
      const role = roles.get(name);
      if (role === undefined) return { name, exists: false };
      const { oid, login, superuser, createRole, createDatabase, replication, bypassRls } = role;
      const attributes = { login, superuser, createRole, createDatabase, replication, bypassRls };
      return { name, exists: true, ...attributes, ...(identities ? { oid } : {}) };
    }),
    memberships: memberships
      .filter((row) => changes.some((change) => isAbout(change, row)))
      .map(({ role, member, grantor, admin, inherit, set }) => ({ role, member, grantor, admin, inherit, set }))
      .sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1)),
  };
}

function rolesNamed(change: Change): string[] {
  switch (change.do) {
    case 'grant':
      return change.to === PUBLIC ? [] : [change.to];
    case 'revoke':
      return change.from === PUBLIC ? [] : [change.from];
    case 'grant_membership':
      return [change.role, change.to];
    case 'revoke_membership':
      return [change.role, change.from];
    case 'create_role':
    case 'drop_role':
      return [change.role];
  }
}

function isAbout(change: Change, { role, member }: Membership): boolean {
  switch (change.do) {
    case 'grant':
    case 'revoke':
      return false;
    case 'grant_membership':
      return role === change.role && member === change.to;
    case 'revoke_membership':
      return role === change.role && member === change.from;
    case 'create_role':
    case 'drop_role':
      return role === change.role || member === change.role;
  }
}
