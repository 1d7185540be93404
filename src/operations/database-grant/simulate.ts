import { Refusal } from '../../core/errors.js';
import { nameForPeople } from '../database-export/names-for-people.js';
import { PUBLIC, type Change, type Place } from './params.js';
import { inheritedBy, isKnown, isMighty, isPredefined, matches, memberOf, rolesBelow } from './roles.js';
import { granteeName, keyOf, plain, type AclItem, type GrantObject, type State } from './state.js';
import * as sql from './statements.js';

/** By whose rights changes are made, and what they may not touch. */
export interface Granting {
  /** The role that grants. */
  admin: string;
  protectedRoles: readonly string[];
  /** See `rolesOfCountersign`; as it is before the changes. */
  ofCountersign: ReadonlySet<string>;
}

export interface Simulated {
  after: State;
  /** What runs, one statement each, in order. */
  statements: string[];
}

/**
 * What the changes would make of a state, as PostgreSQL 17 does it.
 * @throws Refusal `change_forbidden` naming the change: what may not be, or what PostgreSQL would not do.
 */
export function simulate(before: State, changes: readonly Change[], granting: Granting): Simulated {
  const after = before;
  const statements: string[] = [];
  for (const [index, change] of changes.entries()) {
    const forbid = (because: string): never => {
      throw new Refusal(
        'change_forbidden',
        `Change ${String(index + 1)}: ${because}.`,
        `params.changes.${String(index)}`,
      );
    };
    statements.push(...apply(after, change, granting, forbid));
  }
  return { after, statements };
}

type Forbid = (because: string) => never;

function apply(state: State, change: Change, granting: Granting, forbid: Forbid): string[] {
  switch (change.do) {
    case 'grant':
    case 'revoke':
      return changePrivileges(state, change, granting, forbid);
    case 'grant_membership':
      return grantMembership(state, change, granting, forbid);
    case 'revoke_membership':
      return revokeMembership(state, change, granting, forbid);
    case 'create_role':
      return createRole(state, change, granting, forbid);
    case 'drop_role':
      return dropRole(state, change, granting, forbid);
  }
}

type PrivilegeChange = Extract<Change, { do: 'grant' | 'revoke' }>;

function changePrivileges(state: State, change: PrivilegeChange, granting: Granting, forbid: Forbid): string[] {
  const grantee = change.do === 'grant' ? change.to : change.from;
  checkGrantee(state, grantee, granting, forbid);
  const objects = objectsAt(state, change.on, forbid);
  const acting = inheritedBy(state, granting.admin);
  for (const object of objects) {
    if (!acting.has(object.owner))
      forbid(`${keyOf(object)} belongs to ${named(object.owner)}, for whom ${named(granting.admin)} may not grant`);
    for (const { key, acl, privileges } of listsAt(object, change)) {
      for (const privilege of privileges) {
        if (change.do === 'grant')
          add(acl, { grantee, grantor: object.owner, privilege, grantable: change.grantOption === true });
        else
          remove(
            acl,
            { grantee, privilege, owner: object.owner, key, optionOnly: change.grantOptionOnly === true },
            forbid,
          );
      }
    }
  }
  return [sql.privileges(change, objects)];
}

/** The lists that a change is about. What is revoked on a table is revoked on its columns too, as PostgreSQL does. */
function listsAt(
  object: GrantObject,
  { do: what, on, privileges }: PrivilegeChange,
): { key: string; acl: AclItem[]; privileges: string[] }[] {
  const columnLists = object.columns.map(({ name, acl }) => ({ name, key: keyOf(object, name), acl, privileges }));
  if (on.kind === 'columns') return columnLists.filter(({ name }) => on.columns.includes(name));
  const own = { key: keyOf(object), acl: object.acl, privileges };
  return what === 'grant' ? [own] : [own, ...columnLists];
}

function add(acl: AclItem[], item: AclItem): void {
  const present = acl.find(
    ({ grantee, grantor, privilege }) =>
      grantee === item.grantee && grantor === item.grantor && privilege === item.privilege,
  );
  if (present === undefined) acl.push(item);
  else present.grantable ||= item.grantable;
}

interface Removal {
  grantee: string;
  privilege: string;
  owner: string;
  key: string;
  optionOnly: boolean;
}

function remove(acl: AclItem[], { grantee, privilege, owner, key, optionOnly }: Removal, forbid: Forbid): void {
  const held = acl.filter((item) => item.grantee === grantee && item.privilege === privilege);
  const foreign = held.find(({ grantor }) => grantor !== owner);
  if (foreign !== undefined)
    forbid(
      `${named(foreign.grantor)} granted ${privilege} on ${key} to ${granteeName(grantee)}: only it can take that back`,
    );
  const [item] = held;
  if (item === undefined) return;
  const passedOn = item.grantable
    ? acl.find((other) => other.grantor === grantee && other.privilege === privilege)
    : undefined;
  if (passedOn !== undefined)
    forbid(`${named(grantee)} passed ${privilege} on ${key} on to ${granteeName(passedOn.grantee)}: revoke that first`);
  if (optionOnly) item.grantable = false;
  else acl.splice(acl.indexOf(item), 1);
}

function checkGrantee(state: State, grantee: string, granting: Granting, forbid: Forbid): void {
  if (!isKnown(state, grantee)) forbid(`there is no role ${named(grantee)}`);
  if (grantee === PUBLIC) return;
  checkTouchable(state, grantee, granting, forbid);
  checkReached(state, grantee, granting, forbid);
}

/** Roles that no action changes. */
function checkTouchable(state: State, name: string, { ofCountersign }: Granting, forbid: Forbid): void {
  const role = state.roles.get(name);
  if (role === undefined) return forbid(`there is no role ${named(name)}`);
  if (ofCountersign.has(name)) forbid(`${named(name)} is one of the roles that Countersign itself stands on`);
  if (isPredefined(name)) forbid(`${named(name)} is a role of PostgreSQL's own`);
  if (isMighty(role))
    forbid(`${named(name)} is a superuser, or a role that may create roles, replicate or bypass row security`);
}

/** Whoever has a role's privileges gains and loses with it. */
function checkReached(state: State, grantee: string, { ofCountersign }: Granting, forbid: Forbid): void {
  const reached = [...rolesBelow(state, grantee)].find((role) => ofCountersign.has(role));
  if (reached !== undefined) forbid(`it would also reach ${named(reached)}, on which Countersign itself stands`);
}

function grantMembership(
  state: State,
  change: Extract<Change, { do: 'grant_membership' }>,
  granting: Granting,
  forbid: Forbid,
): string[] {
  const { role, to: member, admin = false, inherit = true, set = true } = change;
  const { admin: grantor } = granting;
  checkTouchable(state, member, granting, forbid);
  checkReached(state, member, granting, forbid);
  checkConveyed(state, role, granting, forbid);
  if (memberOf(state, role).has(member)) forbid(`${named(role)} is a member of ${named(member)}: it would be a circle`);
  checkAdministers(state, role, granting, forbid);
  const row = { role, member, grantor, admin, inherit, set };
  const present = state.memberships.findIndex((other) => isSameRow(other, row));
  if (present === -1) state.memberships.push(row);
  else state.memberships[present] = row;
  return [sql.grantMembership(row)];
}

/** What comes with a membership: it may be neither ownership nor anything that no list of grants tells. */
function checkConveyed(state: State, role: string, { ofCountersign }: Granting, forbid: Forbid): void {
  if (!state.roles.has(role)) forbid(`there is no role ${named(role)}`);
  for (const name of memberOf(state, role)) {
    const conveyed = state.roles.get(name);
    if (conveyed === undefined) continue;
    const through = name === role ? named(name) : `${named(role)} is a member of ${named(name)}, which`;
    if (ofCountersign.has(name)) forbid(`${through} is one of the roles that Countersign itself stands on`);
    if (isMighty(conveyed)) forbid(`${through} is a superuser, or may create roles, replicate or bypass row security`);
    if (name === 'pg_database_owner') forbid(`${through} has no members by PostgreSQL's own rule`);
    if (isPredefined(name)) continue; // flagged: some of them are what people need
    if (conveyed.owns > 0)
      forbid(`${through} owns ${String(conveyed.owns)} objects: a member could do anything with them`);
  }
}

function checkAdministers(state: State, role: string, { admin }: Granting, forbid: Forbid): void {
  if (!state.memberships.some((row) => row.role === role && row.member === admin && row.admin))
    forbid(`${named(admin)} has no ADMIN OPTION on ${named(role)}`);
}

function revokeMembership(
  state: State,
  { role, from: member }: Extract<Change, { do: 'revoke_membership' }>,
  granting: Granting,
  forbid: Forbid,
): string[] {
  checkTouchable(state, member, granting, forbid);
  checkReached(state, member, granting, forbid);
  if (!state.roles.has(role)) forbid(`there is no role ${named(role)}`);
  if (granting.ofCountersign.has(role)) forbid(`${named(role)} is one of the roles that Countersign itself stands on`);
  checkAdministers(state, role, granting, forbid);
  const rows = state.memberships.filter((row) => row.role === role && row.member === member);
  const acting = inheritedBy(state, granting.admin);
  const foreign = rows.find(({ grantor }) => !acting.has(grantor));
  if (foreign !== undefined)
    forbid(`${named(foreign.grantor)} made ${named(member)} a member of ${named(role)}: only it can take that back`);
  const passedOn = state.memberships.find((row) => row.role === role && row.grantor === member);
  if (passedOn !== undefined)
    forbid(`${named(member)} passed membership in ${named(role)} on to ${named(passedOn.member)}: revoke that first`);
  state.memberships = state.memberships.filter((row) => !rows.includes(row));
  return rows.map((row) => sql.revokeMembership(row));
}

function createRole(
  state: State,
  { role: name, login = false }: Extract<Change, { do: 'create_role' }>,
  { admin, protectedRoles }: Granting,
  forbid: Forbid,
): string[] {
  if (state.roles.has(name)) forbid(`there is a role ${named(name)} already`);
  if (isPredefined(name)) forbid(`PostgreSQL keeps names that begin with pg_`);
  if (/^(countersign|cs-)/.test(name) || protectedRoles.some((pattern) => matches(name, pattern)))
    forbid(`the name ${named(name)} is kept for roles of Countersign's`);
  if (state.roles.get(admin)?.createRole !== true) forbid(`${named(admin)} may not create roles`);
  const none = { superuser: false, createRole: false, createDatabase: false, replication: false, bypassRls: false };
  state.roles.set(name, { oid: '', name, ...none, login, owns: 0, usedBy: [] });
  // PostgreSQL 16 and newer: whoever creates a role may administer it, and nothing else.
  const grantor = state.bootstrap;
  state.memberships.push({ role: name, member: admin, grantor, admin: true, inherit: false, set: false });
  return [sql.createRole(name, login)];
}

function dropRole(
  state: State,
  { role: name }: Extract<Change, { do: 'drop_role' }>,
  granting: Granting,
  forbid: Forbid,
): string[] {
  checkTouchable(state, name, granting, forbid);
  checkReached(state, name, granting, forbid);
  const role = state.roles.get(name);
  if (role !== undefined && role.owns > 0) forbid(`${named(name)} owns ${String(role.owns)} objects`);
  if (state.roles.get(granting.admin)?.createRole !== true) forbid(`${named(granting.admin)} may not drop roles`);
  checkAdministers(state, name, granting, forbid);
  const [use, ...more] = role?.usedBy ?? [];
  if (use !== undefined)
    forbid(
      `${named(name)} is used by ${nameForPeople(use)}${more.length === 0 ? '' : ` and ${String(more.length)} more`}`,
    );
  const grants = state.memberships.find((row) => row.grantor === name && row.member !== name && row.role !== name);
  if (grants !== undefined) forbid(`${named(name)} made ${named(grants.member)} a member of ${named(grants.role)}`);
  for (const object of state.objects) {
    const left = [object.acl, ...object.columns.map(({ acl }) => acl)]
      .flat()
      .some(({ grantee, grantor }) => grantee === name || grantor === name);
    if (left) forbid(`${named(name)} still has privileges on ${keyOf(object)}: revoke them first`);
  }
  state.roles.delete(name);
  state.memberships = state.memberships.filter((row) => row.role !== name && row.member !== name);
  return [sql.dropRole(name)];
}

function objectsAt(state: State, on: Place, forbid: Forbid): GrantObject[] {
  const find = (kind: GrantObject['kind'], schema: string, name: string): GrantObject =>
    state.objects.find((object) => object.kind === kind && object.schema === schema && object.name === name) ??
    forbid(`there is no ${kind} ${name === '' ? named(schema) : `${named(schema)}.${named(name)}`}`);
  switch (on.kind) {
    case 'schema':
      return on.schemas.map((schema) => find('schema', schema, ''));
    case 'table':
      return on.tables.map((table) => find('table', on.schema, table));
    case 'sequence':
      return on.sequences.map((sequence) => find('sequence', on.schema, sequence));
    case 'columns': {
      const table = find('table', on.schema, on.table);
      const missing = on.columns.find((column) => !table.columns.some(({ name }) => name === column));
      return missing === undefined ? [table] : forbid(`${keyOf(table)} has no column ${named(missing)}`);
    }
    case 'function': {
      const same = (object: GrantObject): boolean =>
        object.kind === 'function' &&
        object.schema === on.schema &&
        object.name === on.function &&
        object.arguments.join() === on.arguments.join();
      return [state.objects.find(same) ?? forbid(noFunction(state, on))];
    }
    case 'all_tables': {
      const all = state.objects.filter(({ kind, schema }) => kind === 'table' && schema === on.schema);
      // What cannot be seen cannot be approved.
      const hidden = all.find(({ name }) => /[\p{C}\u2028\u2029]/u.test(name));
      if (hidden !== undefined) forbid(`the name of table ${nameForPeople(hidden.name)} holds invisible characters`);
      return all.length > 0 ? all : forbid(`schema ${named(on.schema)} holds no table`);
    }
  }
}

function noFunction(state: State, on: Extract<Place, { kind: 'function' }>): string {
  const overloads = state.objects.filter(({ kind, name }) => kind === 'function' && name === on.function);
  const there = overloads.length === 0 ? '' : `; there is ${overloads.map((object) => keyOf(object)).join(', ')}`;
  return `there is no function ${named(on.schema)}.${named(on.function)}(${on.arguments.map(nameForPeople).join(', ')})${there}`;
}

function isSameRow(one: { role: string; member: string; grantor: string }, other: typeof one): boolean {
  return one.role === other.role && one.member === other.member && one.grantor === other.grantor;
}

function named(name: string): string {
  return nameForPeople(plain(name));
}
