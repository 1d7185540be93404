import pg from 'pg';
import { PUBLIC, type Change } from './params.js';
import { sqlName, type GrantObject, type Membership } from './state.js';

type PrivilegeChange = Extract<Change, { do: 'grant' | 'revoke' }>;

const KEYWORD: Record<GrantObject['kind'], string> = {
  schema: 'SCHEMA',
  table: 'TABLE',
  sequence: 'SEQUENCE',
  // Functions, procedures and aggregates alike.
  function: 'ROUTINE',
};

/** GRANT or REVOKE of privileges. All that comes from outside is quoted here, or is a word of the closed list. */
export function privileges(change: PrivilegeChange, objects: readonly GrantObject[]): string {
  const [first] = objects;
  if (first === undefined) throw new Error('privileges: there is no object');
  const columns = change.on.kind === 'columns' ? ` (${change.on.columns.map(pg.escapeIdentifier).join(', ')})` : '';
  const words = [...new Set(change.privileges)].map((privilege) => `${privilege}${columns}`).join(', ');
  const on = `${KEYWORD[first.kind]} ${objects.map(sqlName).join(', ')}`;
  if (change.do === 'grant') {
    const option = change.grantOption === true ? ' WITH GRANT OPTION' : '';
    return `GRANT ${words} ON ${on} TO ${grantee(change.to)}${option}`;
  }
  const option = change.grantOptionOnly === true ? 'GRANT OPTION FOR ' : '';
  return `REVOKE ${option}${words} ON ${on} FROM ${grantee(change.from)} RESTRICT`;
}

/** Every option is said, so that a membership that is there already gets exactly these. */
export function grantMembership({ role, member, grantor, admin, inherit, set }: Membership): string {
  const options = `ADMIN ${word(admin)}, INHERIT ${word(inherit)}, SET ${word(set)}`;
  return `GRANT ${quoted(role)} TO ${quoted(member)} WITH ${options} GRANTED BY ${quoted(grantor)}`;
}

export function revokeMembership({ role, member, grantor }: Membership): string {
  return `REVOKE ${quoted(role)} FROM ${quoted(member)} GRANTED BY ${quoted(grantor)} RESTRICT`;
}

export function createRole(name: string, login: boolean): string {
  return `CREATE ROLE ${quoted(name)} ${login ? 'LOGIN' : 'NOLOGIN'} INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS`;
}

export function dropRole(name: string): string {
  return `DROP ROLE ${quoted(name)}`;
}

/** Makes the session act as the durable role: what it grants depends on no leased user. */
export function becomeAdmin(admin: string): string {
  return `SET LOCAL ROLE ${quoted(admin)}`;
}

function grantee(name: string): string {
  return name === PUBLIC ? 'PUBLIC' : quoted(name);
}

function quoted(name: string): string {
  return pg.escapeIdentifier(name);
}

function word(option: boolean): string {
  return option ? 'TRUE' : 'FALSE';
}
