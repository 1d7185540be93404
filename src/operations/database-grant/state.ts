import pg from 'pg';
import { PUBLIC } from './params.js';

/** One entry of an access control list. */
export interface AclItem {
  /** A role's name, or `public` for everyone. */
  grantee: string;
  grantor: string;
  privilege: string;
  grantable: boolean;
}

/** A role, with what decides how dangerous it is. */
export interface Role {
  oid: string;
  name: string;
  superuser: boolean;
  createRole: boolean;
  createDatabase: boolean;
  replication: boolean;
  bypassRls: boolean;
  login: boolean;
  /** How many objects it owns, in any database of the server. */
  owns: number;
  /** Of a role to be dropped: what refers to it beyond the objects that the changes touch, in any database. */
  usedBy: string[];
}

export interface Membership {
  role: string;
  member: string;
  grantor: string;
  admin: boolean;
  inherit: boolean;
  set: boolean;
}

export interface Column {
  name: string;
  comment: string | null;
  acl: AclItem[];
}

/** An object whose privileges change. */
export interface GrantObject {
  kind: 'schema' | 'table' | 'sequence' | 'function';
  oid: string;
  schema: string;
  /** Empty for a schema. */
  name: string;
  /** Argument types of a function, as the server writes them. */
  arguments: string[];
  /** Whether a function runs with its owner's rights. */
  definer: boolean;
  /** `pg_class.relkind`; empty for what is no relation. */
  relkind: string;
  owner: string;
  acl: AclItem[];
  columns: Column[];
}

/** Roles, memberships, and what is touched: all that a change is judged by. */
export interface State {
  roles: Map<string, Role>;
  memberships: Membership[];
  objects: GrantObject[];
  /** Name of the role that PostgreSQL was initialised with: it grants what nobody granted. */
  bootstrap: string;
}

/** How SQL names an object. */
export function sqlName(object: GrantObject): string {
  const schema = pg.escapeIdentifier(object.schema);
  if (object.kind === 'schema') return schema;
  const name = `${schema}.${pg.escapeIdentifier(object.name)}`;
  return object.kind === 'function' ? `${name}(${object.arguments.join(', ')})` : name;
}

/** Names an object uniquely, for people and for comparing. */
export function keyOf(object: GrantObject, column?: string): string {
  if (column !== undefined) return `column ${plain(object.schema)}.${plain(object.name)}.${plain(column)}`;
  if (object.kind === 'schema') return `schema ${plain(object.schema)}`;
  const name = `${plain(object.schema)}.${plain(object.name)}`;
  return object.kind === 'function' ? `function ${name}(${object.arguments.join(', ')})` : `${object.kind} ${name}`;
}

/** Quoted only where it needs to be: two names never look alike. */
export function plain(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : pg.escapeIdentifier(name);
}

/** As people read a grantee. */
export function granteeName(grantee: string): string {
  return grantee === PUBLIC ? 'PUBLIC (everyone)' : plain(grantee);
}

/** All lists of an object: its own, then those of its columns. */
export function aclsOf(object: GrantObject): { key: string; column: string | null; acl: AclItem[] }[] {
  return [
    { key: keyOf(object), column: null, acl: object.acl },
    ...object.columns.map(({ name, acl }) => ({ key: keyOf(object, name), column: name, acl })),
  ];
}

/** A copy that can be changed. */
export function copyOf(state: State): State {
  return {
    roles: new Map([...state.roles].map(([name, role]) => [name, { ...role }])),
    memberships: state.memberships.map((row) => ({ ...row })),
    objects: state.objects.map((object) => ({
      ...object,
      acl: object.acl.map((item) => ({ ...item })),
      columns: object.columns.map((column) => ({ ...column, acl: column.acl.map((item) => ({ ...item })) })),
    })),
    bootstrap: state.bootstrap,
  };
}
